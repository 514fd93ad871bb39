"""Directories and files of a role: plan tells the truth, apply makes it so, a second plan is empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.cariflex.host_files.files import Entry, apply, parse_mode, plan


def entry(path: Path, content: str | None, mode: int = 0o640, secret: bool = False) -> Entry:
    """An entry owned by whoever runs the test."""
    return Entry(path, mode, os.getuid(), os.getgid(), content, secret)


def test__plan__apply_then_plan_is_empty(tmp_path: Path) -> None:
    wanted = [entry(tmp_path / "d", None, 0o750), entry(tmp_path / "d" / "f", "text")]

    differences = plan(wanted)
    apply(differences)

    assert len(differences) == 2
    assert plan(wanted) == []
    assert (tmp_path / "d" / "f").read_text(encoding="utf-8") == "text"
    assert (tmp_path / "d" / "f").stat().st_mode & 0o7777 == 0o640


def test__plan__changes_nothing(tmp_path: Path) -> None:
    plan([entry(tmp_path / "f", "text")])

    assert list(tmp_path.iterdir()) == []


def test__plan__mode_alone_is_a_change_without_rewrite(tmp_path: Path) -> None:
    apply(plan([entry(tmp_path / "f", "text", 0o644)]))
    inode = (tmp_path / "f").stat().st_ino

    differences = plan([entry(tmp_path / "f", "text", 0o600)])
    apply(differences)

    assert [difference.rewrite for difference in differences] == [False]
    assert (tmp_path / "f").stat().st_ino == inode
    assert (tmp_path / "f").stat().st_mode & 0o7777 == 0o600


def test__plan__never_shows_a_secret(tmp_path: Path) -> None:
    apply(plan([entry(tmp_path / "f", "old-secret", secret=True)]))

    (difference,) = plan([entry(tmp_path / "f", "new-secret", secret=True)])

    assert "secret\n" not in difference.before.replace("(secret, not shown)\n", "")
    assert "old-secret" not in difference.before
    assert "new-secret" not in difference.after


def test__plan__directory_where_a_file_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()

    with pytest.raises(ValueError, match="a directory stands where a file is wanted"):
        plan([entry(tmp_path / "f", "text")])


def test__parse_mode__names_path_and_value() -> None:
    with pytest.raises(ValueError, match="/x: mode '9' is not octal"):
        parse_mode("9", "/x")
