"""What an archive says about itself, and whether a host can take it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from cariflex_backup.errors import BackupError

FORMAT = 1
NAME = "manifest.json"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Member:
    """A file of the archive: its path inside, size and SHA-256."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Database:
    """A dump: the schema revision and the rows of each table, read in the dump's own snapshot."""

    name: str
    owner: str
    schema_revision: str
    rows: dict[str, int]


@dataclass(frozen=True)
class Manifest:
    """The archive's table of contents; `taken` is ISO 8601 UTC, `versions` names what wrote it.

    :param anonymised: it holds the databases alone, for a test environment.
    """

    environment: str
    taken: str
    release: str
    versions: dict[str, str]
    databases: list[Database]
    members: list[Member]
    images: dict[str, str]
    roles: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    needs_secrets: list[str] = field(default_factory=list)
    anonymised: bool = False
    format: int = FORMAT

    def to_json(self) -> bytes:
        """Render it as the archive's first member."""
        return json.dumps(asdict(self), indent=1, sort_keys=True).encode()


def parse(text: bytes, name: str) -> Manifest:
    """Parse the manifest of the archive `name`; refuse a format that this program does not know."""
    try:
        raw: dict[str, Any] = json.loads(text)
        found = raw["format"]
        if found != FORMAT:
            raise BackupError(
                f"archive {name}: manifest format {found}, expected {FORMAT}; "
                f"check out the release that wrote it ({raw.get('release', 'unknown')}) and restore with that"
            )
        raw["databases"] = [Database(**database) for database in raw["databases"]]
        raw["members"] = [Member(**member) for member in raw["members"]]
        return Manifest(**raw)
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(
            f"archive {name}: {NAME} cannot be read ({error!r}); use another archive"
        ) from error


def digest(stream: IO[bytes]) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of what is left in `stream`."""
    sha256, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK_BYTES):
        sha256.update(chunk)
        size += len(chunk)
    return size, sha256.hexdigest()


def describe(root: Path, path: str) -> Member:
    """Return the member for the file `path` below `root`."""
    with (root / path).open("rb") as stream:
        size, sha256 = digest(stream)
    return Member(path, size, sha256)


def misplaced(archive: Manifest, environment: str) -> str:
    """Return why an archive is not for this environment, '' when it is."""
    if archive.anonymised and environment == "prod":
        return "is anonymised, expected real data in prod; use another archive"
    if archive.environment == "prod" and environment != "prod" and not archive.anonymised:
        return (
            f"holds real data of prod, expected none in {environment}; make refresh-test-data anonymises it"
        )
    return ""


def incompatibilities(archive: Manifest, versions: dict[str, str], revision: str) -> list[str]:
    """Return why a host cannot take the archive, one sentence each with the way out.

    :param versions: the host's postgres, redis, flexmeasures ('17.6'); a missing one is not compared.
    :param revision: FlexMeasures' schema revision that the host wants; '' on a host that runs nothing yet.
    """
    found = []
    way_out = f"deploy release {archive.release} first"
    for name in ("postgres", "redis"):
        theirs, ours = archive.versions.get(name, ""), versions.get(name, "")
        if theirs and ours and _version(theirs)[0] > _version(ours)[0]:
            found.append(
                f"{name}: the archive was written by {theirs}, this host runs {ours}, expected the same "
                f"major version or a newer one; {way_out}"
            )
    theirs, ours = archive.versions.get("flexmeasures", ""), versions.get("flexmeasures", "")
    for database in archive.databases:
        if database.name != "flexmeasures" or not revision or database.schema_revision == revision:
            continue
        # The next deployment migrates an older version's schema; one that cannot be placed counts as newer.
        if not theirs or not ours or _version(theirs) >= _version(ours):
            found.append(
                f"database {database.name}: schema {database.schema_revision} of FlexMeasures "
                f"{theirs or 'unknown'}, expected {revision} or older, of {ours or 'unknown'}; {way_out}: "
                "a schema is never downgraded"
            )
    return found


def _version(text: str) -> tuple[int, ...]:
    """Return '17.6' as (17, 6)."""
    return tuple(int(part) for part in text.split(".") if part.isdigit()) or (0,)
