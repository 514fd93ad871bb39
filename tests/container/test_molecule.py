"""Runs the molecule scenarios, roles and the whole site on machines of their own, two lanes at a time."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

pytestmark = pytest.mark.container
LANES_AT_A_TIME = 2
# The scenarios of a lane run in a row, on one machine where they name the same one. The longest comes first;
# while it builds images, those go that need none.
DEFAULT = [
    ["site"],
    ["preflight"],
    ["docker_engine"],
    ["networks"],
    ["flexmeasures", "sensor_map", "openadr"],
    ["postgres"],
    ["traefik"],
    ["redis"],
    ["firewall"],
    ["backup"],
    ["images"],
]
ALTERNATIVE = [
    ["prod"],
    ["doctor", "monitoring", "fault_drill"],
    ["grafana"],
    ["firewall_lock_out"],
    ["wireguard"],
    ["host_baseline"],
    ["docker_engine_alternative"],
    ["docker_engine_bookworm"],
    ["networks_alternative"],
    ["postgres_alternative"],
    ["redis_alternative"],
    ["traefik_alternative"],
    ["traefik_acme"],
    ["recovery"],
    ["adoption"],
    ["openadr_alternative"],
    ["images_alternative"],
]
SCENARIOS = [
    *(pytest.param(name) for lane in DEFAULT for name in lane),
    *(pytest.param(name, marks=pytest.mark.long) for lane in ALTERNATIVE for name in lane),
]


def _run(scenario: str, root: Path, keep: str) -> tuple[int, Path]:
    # molecule starts ansible-playbook and pytest through PATH: they must come from this environment too.
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONWARNINGS": "default",
        "NO_COLOR": "1",
        # What stays for other scenarios; `no_platforms` removes it in the end.
        "CARIFLEX_TEST_KEEP": keep,
    }
    molecule = shutil.which("molecule", path=programs)
    assert molecule, (
        f"no molecule beside {sys.executable}; expected the environment that `make venv-dev` prepares"
    )
    log = root / "build/molecule" / f"{scenario}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        command = [molecule, "test", "--scenario-name", scenario]
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    return done.returncode, log


@pytest.fixture(scope="module")
def outcomes(request, project_root, no_platforms):
    """Scenario -> its outcome to wait for. Starts the selected ones."""
    selected = {
        item.callspec.params["scenario"]
        for item in request.session.items
        if item.path == request.path and hasattr(item, "callspec")
    }
    futures: dict[str, Future] = {name: Future() for name in selected}

    def drive(lane):
        for name in lane:
            try:
                keep = "all" if len(lane) > 1 else "registry"
                futures[name].set_result(_run(name, project_root, keep))
            except BaseException as error:
                futures[name].set_exception(error)
                raise

    lanes = [[name for name in lane if name in selected] for lane in DEFAULT + ALTERNATIVE]
    with ThreadPoolExecutor(LANES_AT_A_TIME) as pool:
        for lane in lanes:
            pool.submit(drive, lane)
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario, outcomes):
    code, log = outcomes[scenario].result()
    assert code == 0, log.read_text(encoding="utf-8", errors="replace")
