"""The lint of variable names, on a small project."""

from pathlib import Path

import pytest
from scripts.check_variable_prefixes import main

STACK = "inventories/dev/group_vars/all/stack.yml"
KNOWN = "cariflex_root: /x\nr_a: !vault abc\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "roles/r/defaults").mkdir(parents=True)
    (tmp_path / "roles/r/defaults/main.yml").write_text("r_a: 1\n")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks/r.yml").write_text("# cariflex_old: gone\n- {r_a: '{{ cariflex_root }}'}\n")
    for environment in ("dev", "prod"):
        directory = tmp_path / "inventories" / environment / "group_vars/all"
        directory.mkdir(parents=True)
        (directory / "stack.yml").write_text(KNOWN)
    return tmp_path


def test__main__known_names_pass(tree: Path):
    assert main(tree) == 0


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("roles/r/defaults/main.yml", "r_a: 1\nother: 1\n", "other does not start with r_"),
        (STACK, f"{KNOWN}r_aa: 2\n", "stack.yml:3: r_aa is set, but nothing reads it; did you mean r_a?"),
        (STACK, f"{KNOWN}cariflex_rooot: 2\n", "did you mean cariflex_root?"),
        (STACK, f"{KNOWN}cariflex_old: 2\n", "cariflex_old is set, but nothing reads it"),
        (STACK, f"{KNOWN}vault_x: 2\n", "vault_x is set, but nothing reads it"),
        (STACK, f"{KNOWN}something: 2\n", "something is set, but nothing reads it"),
        (STACK, "cariflex_root: 1\n", "inventories/dev lacks"),
        ("inventories/prod/hosts.yml", "all: {hosts: {h: {r_b: 1}}}", "hosts.yml:1: r_b is set"),
        ("inventories/prod/hosts.yml", "all: {children: {e: {vars: {r_c: 1}}}}", "hosts.yml:1: r_c is set"),
    ],
)
def test__main__bad_name_is_named(
    tree: Path, capsys: pytest.CaptureFixture[str], file: str, text: str, message: str
):
    (tree / file).write_text(text)
    assert main(tree) == 1
    assert message in capsys.readouterr().err
