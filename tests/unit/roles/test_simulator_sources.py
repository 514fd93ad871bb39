"""Production: each device's source is switched singly; the simulator speaks for none but its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = ROOT / "inventories/prod/group_vars/all/simulator.yml"
RENDERED = "{{ {'config': _simulator_config, 'tokens': _simulator_own_tokens} | to_json }}"
SWITCHED = {"battery_01": "s2", "battery_06": "plain", "ev_02": "s2", "pv_03": "plain"}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The role's own variables over prod's inventory, with some devices switched."""
    folder = tmp_path_factory.mktemp("simulator")
    devices = yaml.safe_load(INVENTORY.read_text())["cariflex_simulator_devices"]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars_files": [str(ROOT / f"roles/simulator/{name}/main.yml") for name in ("defaults", "vars")],
        "tasks": [
            {
                "name": "Write what the role would",
                "ansible.builtin.copy": {
                    "content": RENDERED,
                    "dest": str(folder / "rendered.json"),
                    "mode": "0600",
                },
            }
        ],
    }
    (folder / "play.yml").write_text(json.dumps([play]))
    # As the playbook's variables do, these stand above the role's defaults.
    wanted = {
        "ansible_python_interpreter": sys.executable,
        "simulator_devices": {**devices, **SWITCHED},
        "simulator_s2_tokens": {name: f"token-of-{name}" for name in devices},
    }
    words = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(wanted), str(folder / "play.yml")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads((folder / "rendered.json").read_text())
    return found


def test__prod__nothing_is_simulated_unless_asked_for():
    prod = yaml.safe_load(INVENTORY.read_text())

    assert prod["cariflex_simulator_enabled"] is False
    assert set(prod["cariflex_simulator_devices"].values()) == {"off"}


def test__switched_devices__are_the_only_ones_simulated(rendered: dict[str, Any]):
    config = json.loads(rendered["config"]) if isinstance(rendered["config"], str) else rendered["config"]

    devices = {row["id"]: (row["control"], row["level_sensor"]) for row in config["devices"]}
    assert devices == {
        "battery_01": ("s2", "bat_01_power"),
        "battery_06": ("plain", "bat_06_power"),
        "ev_02": ("s2", "ev_02_power"),
    }
    assert [row["sensor"] for row in config["photovoltaics"]] == ["pv_03_power"]


def test__tokens__only_of_simulated_resource_managers_reach_the_simulator(rendered: dict[str, Any]):
    assert set(rendered["tokens"]) == {"battery_01", "ev_02"}
