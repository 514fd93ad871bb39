#!/usr/bin/env python3
"""Measures deployments of an environment and their peers in the same run.

``make bench-deploy`` writes ``build/bench/deploy.json``: a list of
``{name, value, unit, peer_value, ratio, goal, met}``.

* The first deploy: made here when none of our containers is there, else read from the log of one
  (``ARGS="--first-log FILE"``), else left out. Its peer is its own phase of image builds.
* A deploy with nothing to do. Its peer is the usual way: one ``docker_container`` task per container and one
  ``file`` or ``copy`` task per directory and file, on containers and files of the bench's own.
* What a visitor sees while FlexMeasures is made anew (dev): failed requests, and the longest wait.
* Memory of each container, the time from an event to its value (``make verify``), and what ``make test`` and
  ``make test-fast`` last took.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
import yaml

REPOSITORY = Path(__file__).resolve().parent.parent
BENCH = REPOSITORY / "build" / "bench"
FIRST_LOG = BENCH / "first-deploy.log"
USUAL = BENCH / "usual"
LABEL = "fr.cariflex.test"
IMAGES_PHASE = "Have the images"


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


def phases(output: str) -> dict[str, float]:
    """Read the table of the callback `phases` at the end of a deploy's output: name -> seconds."""
    _, _, table = output.rpartition("PHASES ")
    found = re.findall(r"^ *([\d.]+) s  (?!in all)(.+)$", table, re.MULTILINE)
    return {name: float(seconds) for seconds, name in found}


def root_directory(environment: str) -> Path:
    """Where the environment's files lie."""
    _, output = run("ansible-inventory", "-i", f"inventories/{environment}", "--list", "--yaml")
    inventory = yaml.safe_load(output)
    hosts: dict[str, dict[str, Any]] = inventory["all"]["children"]["ems"]["hosts"]
    return Path(next(iter(hosts.values()))["cariflex_root"])


def our_containers() -> list[dict[str, Any]]:
    """Give what the engine knows of our containers that run."""
    _, ids = run("docker", "ps", "-q", "--filter", "label=fr.cariflex.environment")
    found: list[dict[str, Any]] = json.loads(run("docker", "inspect", *ids.split())[1]) if ids else []
    return found


def compose_commands() -> list[list[str]]:
    """``docker compose up -d`` of each stack, with the files that its containers were made from."""
    commands = {}
    for container in our_containers():
        labels = container["Config"]["Labels"]
        project, folder, files = (
            labels[f"com.docker.compose.project{name}"] for name in ("", ".working_dir", ".config_files")
        )
        options = [option for file in files.split(",") for option in ("-f", file)]
        commands[project] = ["docker", "compose", "--project-directory", folder, "-p", project, *options]
    return [[*command, "up", "-d"] for command in commands.values()]


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


def first_deploy(output: str) -> list[dict[str, Any]]:
    """Report a first deploy by phase, and its whole time against that of its image builds."""
    found = phases(output)
    if not found:
        sys.exit(
            "bench: the first deploy's log has no table of phases; expected the whole output of make deploy"
        )
    # Where nothing was built there is nothing to judge by.
    built_s, goal = (
        (found[IMAGES_PHASE], 1.2) if "TASK [images : Build the images]" in output else (None, None)
    )
    return [
        figure("first deploy against its image builds", sum(found.values()), "s", built_s, goal),
        *(figure(f"first deploy: {name}", seconds, "s") for name, seconds in found.items()),
    ]


def second_deploy(deploy: list[str], environment: str) -> list[dict[str, Any]]:
    """Measure a deploy with nothing to do, Compose alone and the usual way."""
    run(*deploy)
    ours_s, output = run(*deploy)
    counters = recap(output)
    compose_s = sum(run(*command)[0] for command in compose_commands())
    _, image = run("docker", "inspect", "--format", "{{.Config.Image}}", "flexmeasures-redis")
    play = USUAL / "playbook.yml"
    play.parent.mkdir(parents=True, exist_ok=True)
    tasks = usual_way(root_directory(environment), image.strip())
    play.write_text(yaml.safe_dump(tasks, sort_keys=False), encoding="utf-8")
    try:
        usual = ["ansible-playbook", "-i", f"inventories/{environment}", str(play.relative_to(REPOSITORY))]
        run(*usual)
        usual_s, usual_output = run(*usual)
    finally:
        _, made = run("docker", "ps", "-aq", "--filter", f"label={LABEL}=bench")
        if made.split():
            run("docker", "rm", "-f", *made.split())
    return [
        figure("second deploy against the usual way", ours_s, "s", usual_s, 1 / 3),
        figure("second deploy against docker compose up -d alone", ours_s, "s", compose_s),
        figure("second deploy: tasks that ran", counters["ok"], "tasks", recap(usual_output)["ok"]),
        figure("second deploy: changed", counters["changed"], "tasks", goal=0),
    ]


class Visitor(threading.Thread):
    """Asks FlexMeasures through Traefik, one request after the other, until told to stop."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.failed, self.longest_s = 0, 0.0
        self._url, self._stop_asking = url, threading.Event()

    def run(self) -> None:
        """Count answers that are none, or an error of the server's."""
        while not self._stop_asking.wait(0.1):
            start = time.monotonic()
            try:
                self.failed += (
                    requests.get(self._url, timeout=120).status_code >= HTTPStatus.INTERNAL_SERVER_ERROR
                )
            except requests.RequestException:
                self.failed += 1
            self.longest_s = max(self.longest_s, time.monotonic() - start)

    def stop(self) -> None:
        """Let the last request end."""
        self._stop_asking.set()
        self.join()


def restart_at_the_edge(deploy: list[str]) -> list[dict[str, Any]]:
    """Make FlexMeasures' server anew under a visitor's eyes, and put things back."""
    visitor = Visitor("http://localhost/api/v3_0/health/ready")
    visitor.start()
    try:
        run(*deploy, "-e", "flexmeasures_server_memory_mb=2049")
    finally:
        visitor.stop()
    run(*deploy)
    return [
        figure("FlexMeasures made anew: failed requests at the edge", visitor.failed, "requests", goal=0),
        figure("FlexMeasures made anew: longest wait at the edge", visitor.longest_s, "s"),
    ]


def memory() -> list[dict[str, Any]]:
    """MiB of each of our containers, as the engine counts them."""
    factors = {"KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0, "B": 1 / 1024 / 1024}
    names = [container["Name"].lstrip("/") for container in our_containers()]
    _, output = run("docker", "stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}}", *names)
    figures = []
    for line in sorted(output.splitlines()):
        match = re.match(r"(\S+) ([\d.]+)(\w+) /", line)
        if match is not None:
            figures.append(figure(f"memory of {match[1]}", float(match[2]) * factors[match[3]], "MiB"))
    return figures


def event_times(environment: str) -> list[dict[str, Any]]:
    """Follow events from the VTN to FlexMeasures' API; seconds from the modification to the visible value."""
    run("ansible-playbook", "-i", f"inventories/{environment}", "playbooks/operations/verify.yml")
    report = json.loads((REPOSITORY / f"build/verify/{environment}.json").read_text(encoding="utf-8"))
    return [
        figure(f"{event['kind']} event to its value", event["hops_s"]["visible"], "s")
        for event in report["events"]
    ]


def test_times() -> list[dict[str, Any]]:
    """What the tiers of tests took when they last ran here to a good end (scripts/timed.sh)."""
    found = [json.loads(path.read_text()) for path in sorted((REPOSITORY / "build/times").glob("*.json"))]
    return [
        figure(
            f"make {tier['name']}", tier["duration_s"], "s", goal=180 if tier["name"] == "test-fast" else None
        )
        for tier in found
        if tier["exit_code"] == 0
    ]


def main() -> None:
    """Measure, print and write the report; remove the peer's containers whatever happens."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first-log", type=Path, help="output of a first deploy in build mode")
    options = parser.parse_args()
    environment = os.environ.get("ENV", "dev")
    deploy = ["ansible-playbook", "-i", f"inventories/{environment}", "playbooks/site.yml"]
    BENCH.mkdir(parents=True, exist_ok=True)
    first_log = options.first_log
    if first_log is None and not our_containers():
        first_log = FIRST_LOG
        _, output = run(*deploy, "-e", "cariflex_image_source=build")
        first_log.write_text(output, encoding="utf-8")
    report = first_deploy(first_log.read_text(encoding="utf-8")) if first_log else []
    report += second_deploy(deploy, environment)
    if environment == "dev":
        report += restart_at_the_edge(deploy)
    report += [*memory(), *event_times(environment), *test_times()]
    (BENCH / "deploy.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for line in report:
        print(json.dumps(line))
    print(f"written to {(BENCH / 'deploy.json').relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
