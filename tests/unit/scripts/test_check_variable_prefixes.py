from __future__ import annotations

import pytest
from scripts.check_variable_prefixes import main

STACK = "inventories/dev/group_vars/all/stack.yml"


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "roles/r/defaults").mkdir(parents=True)
    (tmp_path / "roles/r/defaults/main.yml").write_text("r_a: 1\n")
    for environment in ("dev", "prod"):
        directory = tmp_path / "inventories" / environment / "group_vars/all"
        directory.mkdir(parents=True)
        (directory / "stack.yml").write_text("cariflex_root: /x\nr_a: !vault abc\n")
    return tmp_path


def test_main__known_names__pass(tree):
    assert main(tree) == 0


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("roles/r/defaults/main.yml", "r_a: 1\nother: 1\n", "other does not start with r_"),
        (
            STACK,
            "cariflex_root: 1\nr_a: 1\nr_aa: 2\n",
            "r_aa is no role's",
        ),
        (STACK, "cariflex_root: 1\n", "inventories/dev lacks"),
    ],
)
def test_main__bad_name__is_named(tree, capsys, file, text, message):
    (tree / file).write_text(text)
    assert main(tree) == 1
    assert message in capsys.readouterr().err
