#!/usr/bin/env python3
"""Measures deployments of a running environment and its peers in the same run.

``make bench-deploy`` writes ``build/bench/deploy.json``: a list of
``{name, value, unit, peer_value, ratio, goal, met}``. The peer of a deployment with nothing to do is the
usual way: one ``docker_container`` task per container and one ``file`` or ``copy`` task per directory and
file, on containers and files of the bench's own. Needs a stack that is up.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
BENCH = REPOSITORY / "build" / "bench"
USUAL = BENCH / "usual"
LABEL = "fr.cariflex.test"
STACKS = ("edge", "ems", "openadr")


def run(*command: str) -> tuple[float, str]:
    """Wall time in seconds and standard output; a failure ends the bench with the command's own words."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)} failed\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return time.monotonic() - start, done.stdout


def recap(output: str) -> dict[str, int]:
    """Read the counters of Ansible's last line."""
    return {name: int(count) for name, count in re.findall(r"(ok|changed|failed)=(\d+)", output)}


def root_directory(environment: str) -> Path:
    """Where the environment's files lie."""
    _, output = run("ansible-inventory", "-i", f"inventories/{environment}", "--list", "--yaml")
    inventory = yaml.safe_load(output)
    hosts: dict[str, dict[str, Any]] = inventory["all"]["children"]["ems"]["hosts"]
    return Path(next(iter(hosts.values()))["cariflex_root"])


def compose_commands(root: Path) -> list[list[str]]:
    """``docker compose up -d`` of each stack, with the files in the playbook's order."""
    commands = []
    for stack in STACKS:
        tasks = yaml.safe_load((REPOSITORY / f"playbooks/stack_{stack}.yml").read_text(encoding="utf-8"))
        files = tasks[0]["tasks"][0]["community.docker.docker_compose_v2"]["files"]
        folder = root / "compose" / stack
        options = [option for file in files for option in ("-f", str(folder / file))]
        project = ["--project-directory", str(folder), "-p", f"cariflex-{stack}"]
        commands.append(["docker", "compose", *project, *options, "up", "-d"])
    return commands


def usual_way(root: Path, image: str) -> list[dict[str, Any]]:
    """Write a play with a task per directory, file and container, as most playbooks are written."""
    tasks: list[dict[str, Any]] = []
    names: list[str] = []
    for kind in ("compose", "config", "secrets"):
        for path in sorted((root / kind).rglob("*")):
            target = str(USUAL / "root" / path.relative_to(root))
            task: dict[str, Any]
            if path.is_dir():
                task = {"ansible.builtin.file": {"path": target, "state": "directory", "mode": "0750"}}
            else:
                content = "x" * path.stat().st_size
                task = {"ansible.builtin.copy": {"dest": target, "content": content, "mode": "0640"}}
            tasks.append(task)
    for fragment in sorted((root / "compose").rglob("*.yml")):
        names += yaml.safe_load(fragment.read_text(encoding="utf-8"))["services"]
    for name in names:
        options = {
            "name": f"bench-{name}",
            "image": image,
            "command": ["sleep", "3600"],
            "labels": {LABEL: "bench"},
            "state": "started",
            "pull": "never",
        }
        tasks.append({"community.docker.docker_container": options})
    parents = {"ansible.builtin.file": {"path": str(USUAL / "root"), "state": "directory", "mode": "0750"}}
    tops = [
        {"ansible.builtin.file": {"path": str(USUAL / "root" / kind), "state": "directory", "mode": "0750"}}
        for kind in ("compose", "config", "secrets")
    ]
    return [{"hosts": "ems", "gather_facts": True, "become": True, "tasks": [parents, *tops, *tasks]}]


def figure(
    name: str, value: float, unit: str, peer: float | None = None, goal: float | None = None
) -> dict[str, Any]:
    """One line of the report; *goal* bounds the ratio to the peer, or the value where there is no peer."""
    ratio = round(value / peer, 3) if peer else None
    judged = ratio if ratio is not None else value
    return {
        "name": name,
        "value": round(value, 2),
        "unit": unit,
        "peer_value": None if peer is None else round(peer, 2),
        "ratio": ratio,
        "goal": goal,
        "met": None if goal is None else judged <= goal,
    }


def memory() -> list[dict[str, Any]]:
    """MiB of each of our containers, as the engine counts them."""
    factors = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0, "B": 1 / 1024 / 1024}
    _, output = run("docker", "ps", "-q", "--filter", "label=fr.cariflex.environment")
    _, output = run("docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *output.split())
    figures = []
    for line in sorted(output.splitlines()):
        match = re.match(r"(\S+) ([\d.]+)(\w+) /", line)
        if match is not None:
            figures.append(figure(f"memory of {match[1]}", float(match[2]) * factors[match[3]], "MiB"))
    return figures


def main() -> None:
    """Measure, print and write the report; remove the peer's containers whatever happens."""
    environment = os.environ.get("ENV", "dev")
    deploy = ["ansible-playbook", "-i", f"inventories/{environment}", "playbooks/site.yml"]
    run(*deploy)
    ours_s, output = run(*deploy)
    counters = recap(output)
    root = root_directory(environment)
    compose_s = sum(run(*command)[0] for command in compose_commands(root))
    _, image = run("docker", "inspect", "--format", "{{.Config.Image}}", "flexmeasures-redis")
    play = USUAL / "playbook.yml"
    play.parent.mkdir(parents=True, exist_ok=True)
    play.write_text(yaml.safe_dump(usual_way(root, image.strip()), sort_keys=False), encoding="utf-8")
    try:
        usual = ["ansible-playbook", "-i", f"inventories/{environment}", str(play.relative_to(REPOSITORY))]
        run(*usual)
        usual_s, usual_output = run(*usual)
    finally:
        _, made = run("docker", "ps", "-aq", "--filter", f"label={LABEL}=bench")
        if made.split():
            run("docker", "rm", "-f", *made.split())
    report = [
        figure("second deploy against the usual way", ours_s, "s", usual_s, 1 / 3),
        figure("second deploy against docker compose up -d alone", ours_s, "s", compose_s),
        figure("second deploy: tasks that ran", counters["ok"], "tasks", recap(usual_output)["ok"]),
        figure("second deploy: changed", counters["changed"], "tasks", goal=0),
        *memory(),
    ]
    BENCH.mkdir(parents=True, exist_ok=True)
    (BENCH / "deploy.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for line in report:
        print(json.dumps(line))
    print(f"written to {(BENCH / 'deploy.json').relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
