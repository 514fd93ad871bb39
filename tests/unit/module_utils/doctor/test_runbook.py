"""The runbook explains every check of the doctor, and no other."""

import re
from pathlib import Path

import ems_doctor

RUNBOOK = Path(__file__).resolve().parents[4] / "docs/runbook.md"


def test_runbook__explains_every_check():
    table = RUNBOOK.read_text(encoding="utf-8").partition("| Check |")[2].partition("`unknown` means")[0]
    explained = set(re.findall(r"^\| ([a-z: ]+) \|", table, re.MULTILINE))

    assert explained == set(ems_doctor.checks(None, {}))
