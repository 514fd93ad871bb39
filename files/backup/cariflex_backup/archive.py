"""The archive file: packed from a staging directory, encrypted when there is a recipient, read back."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from cariflex_backup import manifest as manifests
from cariflex_backup.engine import run
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Manifest, digest

AGE_MAGIC = b"age-encryption.org/"
_GZIP_MAGIC = b"\x1f\x8b"
# The dumps, by far the largest members, are compressed already.
_GZIP_LEVEL = 1


def pack(staging: Path, manifest: Manifest, target: Path) -> None:
    """Write the manifest, then each member of it found below `staging`, into the new file `target` (0600)."""
    text = staging / manifests.NAME
    text.write_bytes(manifest.to_json())
    target.touch(mode=0o600)
    with tarfile.open(target, "w:gz", compresslevel=_GZIP_LEVEL, format=tarfile.PAX_FORMAT) as tar:
        tar.add(text, manifests.NAME)
        for member in manifest.members:
            tar.add(staging / member.path, member.path, recursive=False)
    synchronise(target)


def synchronise(path: Path) -> None:
    """Have the disk hold `path` and its name, so that a power cut leaves all of it or nothing."""
    for name in (path, path.parent):
        handle = os.open(name, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def is_encrypted(path: Path) -> bool:
    """Tell an age file from a plain archive; refuse what is neither."""
    try:
        with path.open("rb") as stream:
            start = stream.read(len(AGE_MAGIC))
    except OSError as error:
        raise BackupError(f"archive {path}: {error.strerror}; `list` names those there are") from error
    if start != AGE_MAGIC and not start.startswith(_GZIP_MAGIC):
        raise BackupError(
            f"archive {path}: neither gzip nor age data, expected one of them; use another archive"
        )
    return start == AGE_MAGIC


@contextmanager
def opened(path: Path, identity: bytes = b"") -> Iterator[tuple[tarfile.TarFile, gzip.GzipFile]]:
    """Open an archive for one pass from its first member to its last; yield it and the stream below it.

    :param identity: content of an age identity file, for an encrypted archive.
    """
    with ExitStack() as stack:
        if is_encrypted(path):
            stream = stack.enter_context(_decrypted(path, identity))
        else:
            stream = stack.enter_context(path.open("rb"))
        try:
            unzipped = stack.enter_context(gzip.GzipFile(fileobj=stream))
            yield stack.enter_context(tarfile.open(fileobj=unzipped, mode="r|")), unzipped
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise BackupError(
                f"archive {path}: {error}; damaged or incomplete: use another archive"
            ) from error


@contextmanager
def _decrypted(path: Path, identity: bytes) -> Iterator[IO[bytes]]:
    if not identity:
        raise BackupError(
            f"archive {path}: encrypted, and no identity was given; expected --identity FILE with the "
            "AGE-SECRET-KEY line that belongs to the recipient"
        )
    pipe = subprocess.PIPE
    # The identity travels by standard input: it stands in no argument and on no disk.
    words = ["age", "--decrypt", "--identity", "-", str(path)]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe) as age:
        if not age.stdin or not age.stdout or not age.stderr:
            raise BackupError("age: started without pipes")
        age.stdin.write(identity)
        age.stdin.close()
        try:
            yield age.stdout
        except BackupError as error:
            age.kill()
            raise BackupError(age.stderr.read().decode().strip() or str(error)) from error
        finally:
            age.stdout.close()


def _manifest_of(tar: tarfile.TarFile, path: Path) -> Manifest:
    first = tar.next()
    stream = tar.extractfile(first) if first and first.name == manifests.NAME else None
    if stream is None:
        raise BackupError(f"archive {path}: does not begin with {manifests.NAME}; it is none of ours")
    return manifests.parse(stream.read(), path.name)


def verify(path: Path, identity: bytes = b"", extract_to: Path | None = None) -> Manifest:
    """Compare each member of the archive with the manifest; extract as well when told where to."""
    with opened(path, identity) as (tar, stream_below):
        manifest = _manifest_of(tar, path)
        missing = {member.path: member for member in manifest.members}
        while entry := tar.next():
            wanted = missing.pop(entry.name, None)
            stream = tar.extractfile(entry)
            if wanted is None or stream is None:
                raise BackupError(f"archive {path}: {entry.name} is not in its manifest; do not trust it")
            if extract_to is None:
                found = digest(stream)
            else:
                target = extract_to / entry.name
                if not target.resolve().is_relative_to(extract_to.resolve()):
                    raise BackupError(f"archive {path}: {entry.name} leads outside; do not trust it")
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with target.open("wb") as copy:
                    shutil.copyfileobj(stream, copy, 1 << 20)
                with target.open("rb") as copy:
                    found = digest(copy)
            if found != (wanted.size_bytes, wanted.sha256):
                raise BackupError(
                    f"archive {path}: {entry.name} has {found[0]} bytes and SHA-256 {found[1]}, expected "
                    f"{wanted.size_bytes} and {wanted.sha256}; it is damaged: use another archive"
                )
        # To the very end: gzip's own checksum stands there.
        while stream_below.read(1 << 20):
            pass
    if missing:
        raise BackupError(
            f"archive {path}: lacks {', '.join(sorted(missing))}; it is incomplete: use another archive"
        )
    return manifest


def encrypt(plain: Path, recipient: str, target: Path) -> bytes:
    """Encrypt `plain` into the new file `target`; return a one-time identity that can read it back.

    The host holds no identity of the recipient's, and what was never decrypted was never verified: so a key
    pair of this run alone is a second recipient. Whoever calls reads back with it and forgets it.
    """
    identity = run(["age-keygen"])
    own = next(line.split()[-1] for line in identity.splitlines() if line.startswith("# public key:"))
    target.touch(mode=0o600)
    run(["age", "--encrypt", "-r", recipient, "-r", own, "-o", str(target), str(plain)])
    synchronise(target)
    return identity.encode() + b"\n"
