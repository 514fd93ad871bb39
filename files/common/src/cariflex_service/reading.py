"""Files of the configuration: JSON objects and secrets. Light, so that health commands start quickly."""

import json
from pathlib import Path
from typing import Any


class SettingsError(ValueError):
    """The configuration cannot be used; the message names the key, its value and what was expected."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file at ``path``. Raises SettingsError."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}; expected a readable JSON file") from error
    if not isinstance(raw, dict):
        raise SettingsError(f"{path}: {type(raw).__name__}; expected a JSON object")
    return raw


def read_secret(path: Path) -> str:
    """The single value in a secret file. Raises SettingsError."""
    try:
        value = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"secret file {path}: {error.strerror}; expected a readable file") from error
    if not value:
        raise SettingsError(f"secret file {path}: empty; expected one value")
    return value
