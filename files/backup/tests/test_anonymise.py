"""The rules of what leaves production, compared with the schemas that they are for."""

import re
from pathlib import Path

import pytest

from cariflex_backup.anonymise import script
from cariflex_backup.errors import BackupError

ROOT = Path(__file__).resolve().parents[3]
SQL = ROOT / "files/backup/cariflex_backup/sql"
SCHEMAS = {
    "flexmeasures": [ROOT / "tests/container/flexmeasures_schema.sql"],
    "openadr": sorted((ROOT / "files/openadr/src/cariflex_openadr/storage/migrations").glob("*.sql")),
}


@pytest.mark.parametrize("database", SCHEMAS)
def test_rules__name_every_table_and_no_other(database):
    schema = "".join(path.read_text(encoding="utf-8") for path in SCHEMAS[database])
    tables = set(re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(?:public\.)?(\w+)", schema))
    rules = (SQL / f"rules_{database}.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"^ +\('(\w+)', '", rules, re.MULTILINE)) - {"schema_version"} == tables


def test_script__key_stands_in_no_argument_and_is_checked():
    assert "SET cariflex.key = 'kkkk" in script("openadr", "k" * 32)
    for key in ("", "k" * 31, "k" * 40 + "'", "k k" * 20):
        with pytest.raises(BackupError, match="expected 32 or more letters"):
            script("openadr", key)


def test_script__unknown_database():
    with pytest.raises(BackupError, match="database billing: has no rules"):
        script("billing", "k" * 32)
