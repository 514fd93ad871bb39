#!/usr/bin/python
"""Read-only look at the Docker engine, its Compose plugin and their packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_engine_probe
short_description: Find out what of a Docker engine is installed and answers
description:
  - One task instead of a fact gathering and several commands, so that a run with nothing to do is fast.
  - Changes nothing.
options:
  packages: {description: Debian packages to look for., type: list, elements: str, default: []}
  marker: {description: File that exists when our role installed the engine., type: path, required: true}
  docker_socket: {description: The engine's Unix socket., type: path, default: /var/run/docker.sock}
  pid_file: {description: The daemon's pid file., type: path, default: /var/run/docker.pid}
author: Cariflex
"""

EXAMPLES = r"""
- name: Look for the engine
  docker_engine_probe:
    packages: [docker.io, debootstrap]
    marker: /opt/cariflex/state/docker_engine.json
"""

RETURN = r"""
answers: {description: The engine answers on its socket., type: bool, returned: always}
version: {description: Engine version, empty when it does not answer., type: str, returned: always}
address_pools:
  description: Base subnets that the engine gives to networks without one; empty means its defaults.
  type: list
  elements: str
  returned: always
compose_version: {description: Compose v2 version, empty without the plugin., type: str, returned: always}
installed: {description: A dockerd program is there., type: bool, returned: always}
running: {description: The process of the pid file lives., type: bool, returned: always}
managed: {description: The marker exists., type: bool, returned: always}
missing_packages: {description: Those not installed., type: list, elements: str, returned: always}
systemd: {description: systemd manages this host., type: bool, returned: always}
system: {description: os-release ID and VERSION_ID joined by a space., type: str, returned: always}
"""

import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.cariflex.preflight import engine, host

_DAEMON_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def _missing(module: AnsibleModule, packages: list[str]) -> list[str]:
    if not packages or not shutil.which("dpkg-query"):
        return packages
    _, out, _ = module.run_command(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *packages])
    return [name for name in packages if f"{name} installed" not in out.splitlines()]


def _compose_version(module: AnsibleModule) -> str:
    client = shutil.which("docker")
    if client is None:
        return ""
    status, out, _ = module.run_command([client, "compose", "version", "--short"])
    return str(out).strip() if status == 0 else ""


def _process_lives(pid_file: str) -> bool:
    file = Path(pid_file)
    # The pid may have been given to another program since: look at its name.
    comm = Path("/proc") / file.read_text().strip() / "comm" if file.exists() else None
    return comm is not None and comm.exists() and comm.read_text().strip() == "dockerd"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "marker": {"type": "path", "required": True},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
            "pid_file": {"type": "path", "default": "/var/run/docker.pid"},
        },
        supports_check_mode=True,
    )
    try:
        info = engine.get(module.params["docker_socket"], "/info") or {}
    except engine.EngineError as error:
        module.fail_json(msg=str(error))
    system = host.parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))
    module.exit_json(
        changed=False,
        answers=bool(info),
        version=info.get("ServerVersion", ""),
        address_pools=[pool["Base"] for pool in info.get("DefaultAddressPools") or []],
        compose_version=_compose_version(module),
        installed=shutil.which("dockerd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        is not None,
        running=_process_lives(module.params["pid_file"]),
        managed=Path(module.params["marker"]).exists(),
        missing_packages=_missing(module, module.params["packages"]),
        systemd=Path("/run/systemd/system").is_dir(),
        system=" ".join(system),
    )


if __name__ == "__main__":
    main()
