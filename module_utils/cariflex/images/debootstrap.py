"""Base images: a Debian suite made by debootstrap with its updates applied, imported into the engine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ansible.module_utils.cariflex.images.engine import BuildError, Log, output_of

# Documentation is the largest part of a minimal system that no container reads.
DPKG_EXCLUDES = """path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
"""
APT_SETTINGS = 'APT::Install-Recommends "false";\nAPT::Get::Assume-Yes "true";\nAcquire::Retries "3";\n'
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def host_mirrors() -> tuple[str, str]:
    """Give the archive and the security archive of a Debian host's own apt sources; '' for what it lacks."""
    targets = output_of(["apt-get", "indextargets", "--format", "$(LABEL)|$(RELEASE)|$(REPO_URI)"]) or ""
    archive = security = ""
    for line in targets.splitlines():
        label, _, rest = line.partition("|")
        release, _, uri = rest.partition("|")
        if label == "Debian" and "-" not in release:
            archive = archive or uri
        elif label == "Debian-Security":
            security = security or uri
    return archive.rstrip("/"), security.rstrip("/")


def sources_list(suite: str, archive: str, security: str) -> str:
    """Render an image's apt sources: the suite, its updates and its security archive."""
    # Debian's archives and their mirrors carry the security archive beside the main one, under this name.
    security = security or archive.rstrip("/") + "-security"
    return (
        f"deb {archive} {suite} main\n"
        f"deb {archive} {suite}-updates main\n"
        f"deb {security} {suite}-security main\n"
    )


def unmount_below(folder: Path, log: Log) -> None:
    """Unmount what an interrupted debootstrap left mounted, so deleting `folder` deletes nothing else."""
    points = [line.split()[1] for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    for point in sorted((p for p in points if p.startswith(f"{folder}/")), reverse=True):
        log.run(["umount", "--lazy", point])


def _archive_of(root: Path) -> str:
    """Read back the archive that debootstrap chose by itself."""
    for line in (root / "etc/apt/sources.list").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] == "deb":
            return words[1].rstrip("/")
    raise BuildError("debootstrap wrote no apt source; expected a deb line in etc/apt/sources.list")


def _clean(root: Path) -> None:
    for folder in (
        "var/lib/apt/lists",
        "var/cache/apt",
        "var/cache/debconf",
        "var/log",
        "tmp",
        "usr/share/man",
    ):
        for entry in (root / folder).glob("*"):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    # The host's name, resolver and identity are not the image's; the engine brings the first two.
    for name in (
        "etc/resolv.conf",
        "etc/hostname",
        "etc/machine-id",
        "var/lib/dbus/machine-id",
        "etc/apt/ca.pem",
    ):
        (root / name).unlink(missing_ok=True)
    (root / "etc/machine-id").touch()


def build(client: str, suite: str, ref: str, label: str, work: Path, ca_file: Path | None, log: Log) -> None:
    """Make `ref` from a suite, working in `work`. The image appears complete or not at all."""
    root = work / "root"
    archive, security = host_mirrors()
    log.run(
        ["debootstrap", "--variant=minbase", suite, str(root), *([archive] if archive else [])],
        env={**os.environ, **ENVIRONMENT},
    )
    archive = archive or _archive_of(root)
    (root / "etc/apt/sources.list").write_text(sources_list(suite, archive, security), encoding="utf-8")
    (root / "etc/apt/apt.conf.d/90cariflex").write_text(APT_SETTINGS, encoding="utf-8")
    (root / "etc/dpkg/dpkg.cfg.d/90cariflex").write_text(DPKG_EXCLUDES, encoding="utf-8")
    # Package scripts must not start services while an image is built.
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    policy.chmod(0o755)
    apt = ["chroot", str(root), "apt-get"]
    if ca_file and archive.startswith("https:"):
        shutil.copy(ca_file, root / "etc/apt/ca.pem")
        apt += ["-o", "Acquire::https::CaInfo=/etc/apt/ca.pem"]
    env = {**os.environ, **ENVIRONMENT}
    log.run([*apt, "update"], env=env)
    log.run([*apt, "--yes", "upgrade"], env=env)
    log.run([*apt, "clean"], env=env)
    _clean(root)
    unmount_below(root, log)
    tar = work / "image.tar"
    log.run(
        [
            "tar",
            "--create",
            f"--file={tar}",
            "--numeric-owner",
            "--one-file-system",
            f"--directory={root}",
            "--exclude=./proc/*",
            "--exclude=./sys/*",
            "--exclude=./dev/*",
            ".",
        ]
    )
    changes = [
        f"LABEL {label}",
        "ENV LANG=C.UTF-8",
        'CMD ["bash"]',
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
    log.run([client, "import", *(part for change in changes for part in ("--change", change)), str(tar), ref])
