"""Operations that end or replace something ask first where the inventory says so."""

import contextlib
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
OPERATIONS = ROOT / "playbooks" / "operations"
DESTRUCTIVE = [
    "uninstall.yml",
    "adopt.yml",
    "adopt_back.yml",
    "adopt_finish.yml",
    "upgrade.yml",
    "retention.yml",
]

pytestmark = pytest.mark.container


@pytest.fixture
def ask(tmp_path):
    """Run a playbook that asks and then leaves a file; returns status, output and whether it is there."""
    playbook, done = tmp_path / "operation.yml", tmp_path / "done"
    plays = [
        {
            "name": "Guard",
            "import_playbook": str(OPERATIONS / "confirm.yml"),
            "vars": {"confirm_what": "Everything will be lost."},
        },
        {
            "name": "Destroy",
            "hosts": "ems",
            "gather_facts": False,
            "tasks": [
                {"name": "Leave a file", "ansible.builtin.file": {"path": str(done), "state": "touch"}}
            ],
        },
    ]
    playbook.write_text(yaml.safe_dump(plays), encoding="utf-8")

    def run(environment, confirm, *options, typed=None):
        inventory = tmp_path / "hosts.yml"
        values = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "cariflex_environment": environment,
            "cariflex_confirm": confirm,
        }
        inventory.write_text(yaml.safe_dump({"ems": {"hosts": {"here": values}}}), encoding="utf-8")
        command = ["ansible-playbook", "-i", str(inventory), str(playbook), *options]
        if typed is None:
            ended = subprocess.run(
                command, cwd=ROOT, check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=120
            )
            return ended.returncode, (ended.stdout + ended.stderr).decode(), done.exists()
        # `script` gives the program a terminal. Pause shows its question and only then throws away what was
        # typed till then, so the answer is typed until it has been read.
        at_terminal = ["script", "--quiet", "--return", "--command", shlex.join(command), "/dev/null"]
        with subprocess.Popen(
            at_terminal, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as asking:
            told = b""
            while b"to go on:" not in told:
                piece = asking.stdout.read1()
                assert piece, told.decode()
                told += piece
            for _ in range(60):
                with contextlib.suppress(BrokenPipeError):
                    asking.stdin.write(typed.encode())
                    asking.stdin.flush()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    asking.wait(timeout=2)
                    break
            else:
                asking.kill()
            told += asking.stdout.read()
        return asking.returncode, told.decode(), done.exists()

    return run


def test_without_a_terminal_and_a_word_nothing_happens(ask):
    status, told, happened = ask("prod", True)

    assert status != 0
    assert not happened
    assert "give -e confirm=prod. Nothing was changed." in " ".join(told.split())


def test_another_environments_name_is_no_yes(ask):
    status, _, happened = ask("prod", True, "-e", "confirm=test")

    assert status != 0
    assert not happened


def test_the_environments_name_goes_on(ask):
    assert ask("prod", True, "-e", "confirm=prod")[::2] == (0, True)


@pytest.mark.parametrize(("typed", "goes_on"), [("prod\r", True), ("yes\r", False)])
def test_a_person_types_the_name(ask, typed, goes_on):
    status, told, happened = ask("prod", True, typed=typed)

    assert (status == 0, happened) == (goes_on, goes_on), told


def test_where_the_inventory_does_not_ask_nothing_is_asked(ask):
    assert ask("dev", False)[::2] == (0, True)


def test_check_mode_destroys_nothing_and_is_not_asked(ask):
    assert ask("prod", True, "--check")[::2] == (0, False)


@pytest.mark.parametrize("name", [name for name in DESTRUCTIVE if (OPERATIONS / name).is_file()])
def test_every_destructive_operation_asks_before_all_else(name):
    first = yaml.safe_load((OPERATIONS / name).read_text(encoding="utf-8"))[0]

    assert first.get("ansible.builtin.import_playbook") == "confirm.yml"


def test_restoring_asks_before_it_deploys():
    plays = yaml.safe_load((OPERATIONS / "restore.yml").read_text(encoding="utf-8"))
    asked = [
        number
        for number, play in enumerate(plays)
        for task in play.get("tasks", [])
        if task.get("ansible.builtin.include_tasks") == "tasks/confirm.yml"
    ]
    deployed = [
        n for n, play in enumerate(plays) if play.get("ansible.builtin.import_playbook") == "../site.yml"
    ]

    assert asked
    assert asked[0] < deployed[0]


def test_production_asks():
    values = yaml.safe_load(
        (ROOT / "inventories/prod/group_vars/all/environment.yml").read_text(encoding="utf-8")
    )

    assert values["cariflex_confirm"] is True
