"""Which archives a host takes."""

import json
from dataclasses import replace

import pytest

from cariflex_backup import manifest as manifests
from cariflex_backup.errors import BackupError
from cariflex_backup.manifest import Database, Manifest, incompatibilities, misplaced


def _archive(revision="3bc1e29ca1f4", **versions):
    return Manifest(
        environment="dev",
        taken="2026-11-23T02:15:00+00:00",
        release="2026.11",
        versions={"postgres": "17.6", "redis": "7.0.15", "flexmeasures": "1.0.1", **versions},
        databases=[Database("flexmeasures", "flexmeasures", revision, {})],
        members=[],
        images={},
    )


HOST = {"postgres": "17.2", "redis": "7.4.2", "flexmeasures": "1.0.1"}
WANTED = "3bc1e29ca1f4"


@pytest.mark.parametrize(
    "archive",
    [
        _archive(),
        _archive(postgres="16.9"),
        # An older schema is migrated by the deployment that follows.
        _archive(revision="older", flexmeasures="0.31.0"),
        _archive(revision="older", flexmeasures="0.9.10"),
    ],
)
def test_incompatibilities__same_or_older__none(archive):
    assert incompatibilities(archive, HOST, WANTED) == []


@pytest.mark.parametrize(
    ("archive", "told"),
    [
        (_archive(postgres="18.0"), "postgres: the archive was written by 18.0, this host runs 17.2"),
        (_archive(redis="8.0.1"), "redis: the archive was written by 8.0.1"),
        (_archive(revision="newer", flexmeasures="1.10.0"), "schema newer of FlexMeasures 1.10.0"),
        (_archive(revision="other"), "schema other of FlexMeasures 1.0.1"),
        # Taken while FlexMeasures was down: nothing tells which of the two schemas is the older.
        (_archive(revision="other", flexmeasures=""), "schema other of FlexMeasures unknown"),
    ],
)
def test_incompatibilities__newer_or_unknown__named_with_the_way_out(archive, told):
    [problem] = incompatibilities(archive, HOST, WANTED)

    assert told in problem
    assert "deploy release 2026.11 first" in problem


def test_parse__what_was_written__comes_back():
    archive = _archive()

    assert manifests.parse(archive.to_json(), "x.tar.gz") == archive


def test_parse__format_of_a_later_program__is_refused_with_the_release():
    text = json.dumps({**json.loads(_archive().to_json()), "format": 2}).encode()

    with pytest.raises(BackupError, match=r"manifest format 2, expected 1; check out the release .*2026\.11"):
        manifests.parse(text, "x.tar.gz")


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": 1}'])
def test_parse__not_a_manifest__is_refused(text):
    with pytest.raises(BackupError, match="cannot be read"):
        manifests.parse(text, "x.tar.gz")


@pytest.mark.parametrize(
    ("source", "anonymised", "environment", "told"),
    [
        ("prod", False, "prod", ""),
        ("prod", True, "test", ""),
        ("test", False, "dev", ""),
        ("prod", False, "test", "holds real data of prod, expected none in test"),
        ("prod", True, "prod", "is anonymised, expected real data in prod"),
    ],
)
def test_misplaced__real_data_stay_in_prod(source, anonymised, environment, told):
    archive = replace(_archive(), environment=source, anonymised=anonymised)
    assert misplaced(archive, environment)[: len(told) or None] == told
