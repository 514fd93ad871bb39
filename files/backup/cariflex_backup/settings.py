"""What the program is told: one JSON file, written by Ansible (role backup)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cariflex_backup.errors import BackupError
from cariflex_backup.retention import Rules
from cariflex_backup.thinning import Rule


@dataclass(frozen=True)
class FileSource:
    """A file or directory of the host.

    :param secret: holds secrets as a whole: goes in only when the archive is encrypted.
    :param restore: a restore puts it back; otherwise it is evidence, and Ansible renders it anew.
    """

    name: str
    path: Path
    secret: bool
    restore: bool


@dataclass(frozen=True)
class VolumeSource:
    """A Docker volume that holds state.

    :param kind: sqlite (databases are copied by SQLite itself) or files.
    :param secret: holds keys: goes in only when the archive is encrypted.
    """

    name: str
    kind: str
    secret: bool


@dataclass(frozen=True)
class Settings:
    """All settings; empty texts mean: not wanted.

    :param schema_revision: of FlexMeasures' database, as this host's release wants it.
    :param sensor_map: the rendered map with all fixed sensor ids.
    :param release_file: manifest of what was deployed last, see release.py.
    :param adopted_owner: set when the containers are of somebody else's making (playbook adopt.yml): the role
        that is to own the data here. Their roles and rights stay behind.
    :param containers: those to describe in place of all that bear `label`.
    :param known_versions: of programs that no longer run when they are to be asked.
    :param newest_belief_s: how old a healthy system's newest belief may be, in seconds.
    :param belief_retention: what becomes of old beliefs; a sensor without a rule keeps all.
    """

    environment: str
    directory: Path
    metrics_file: Path
    release: str
    database_container: str
    database_user: str
    databases: tuple[str, ...]
    redis_container: str
    flexmeasures_container: str
    redis_volume: str
    redis_password_file: str
    label: str
    networks: tuple[str, ...]
    files: tuple[FileSource, ...]
    volumes: tuple[VolumeSource, ...]
    secrets_directory: Path
    vault_keys: tuple[str, ...]
    age_recipient: str
    age_identity_file: str
    rclone_remote: str
    rclone_config: str
    rules: Rules
    schema_revision: str
    sensor_map: Path
    release_file: Path
    newest_belief_s: float
    belief_retention: tuple[Rule, ...] = ()
    adopted_owner: str = ""
    containers: tuple[str, ...] = ()
    known_versions: dict[str, str] = field(default_factory=dict)

    @property
    def encrypted(self) -> bool:
        """Whether archives are encrypted."""
        return bool(self.age_recipient)


def load(path: Path) -> Settings:
    """Read the settings; raise BackupError when the file is missing or a key is wrong."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        plain: dict[str, Any] = {key: str(raw[key]) for key in _TEXTS}
        plain |= {key: Path(raw[key]) for key in _PATHS} | {key: tuple(raw[key]) for key in _LISTS}
        return Settings(
            **plain,
            files=tuple(
                FileSource(f["name"], Path(f["path"]), bool(f["secret"]), bool(f["restore"]))
                for f in raw["files"]
            ),
            volumes=tuple(VolumeSource(v["name"], v["kind"], bool(v["secret"])) for v in raw["volumes"]),
            rules=Rules(int(raw["daily_days"]), int(raw["weekly_weeks"])),
            newest_belief_s=float(raw["newest_belief_s"]),
            belief_retention=tuple(
                Rule(
                    tuple(map(str, rule["sensors"])),
                    int(rule["keep_days"]),
                    int(rule["resolution_s"]),
                    int(rule["delete_after_days"]),
                )
                for rule in raw.get("belief_retention", ())
            ),
            adopted_owner=str(raw.get("adopted_owner", "")),
            containers=tuple(raw.get("containers", ())),
            known_versions=dict(raw.get("known_versions", {})),
        )
    except OSError as error:
        raise BackupError(
            f"settings {path}: {error.strerror}; expected the file that role backup writes: "
            "deploy with --tags backup"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise BackupError(
            f"settings {path}: {error!r}; deploy with --tags backup to write it anew"
        ) from error


_PATHS = ("directory", "metrics_file", "secrets_directory", "sensor_map", "release_file")
_LISTS = ("databases", "networks", "vault_keys")
_TEXTS = (
    "environment",
    "release",
    "database_container",
    "database_user",
    "redis_container",
    "flexmeasures_container",
    "redis_volume",
    "redis_password_file",
    "label",
    "schema_revision",
    "age_recipient",
    "age_identity_file",
    "rclone_remote",
    "rclone_config",
)
