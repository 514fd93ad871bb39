"""Typed access to a configuration file: every refusal names the key, its value and what was expected."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cariflex_service.reading import SettingsError, read_object, read_secret

CONFIG_VARIABLE = "CARIFLEX_CONFIG"
DEFAULT_CONFIG = "/etc/cariflex/config.json"


@dataclass(frozen=True, slots=True)
class Listen:
    """Address and port of a listening socket."""

    host: str
    port: int


def config_path() -> Path:
    """Path of the configuration file."""
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_CONFIG))


def read_config(path: Path | None = None) -> dict[str, Any]:
    """The configuration as JSON object. Raises SettingsError."""
    return read_object(path or config_path())


def listen_address(source: dict[str, Any] | str, key: str = "") -> Listen:
    """Where a service listens: ``key`` of its configuration, or ``HOST:PORT``. Raises SettingsError."""
    if not isinstance(source, str):
        return listen(source, key)
    host, _, port = source.rpartition(":")
    if not host or not port.isdigit():
        raise SettingsError(f"address: {source!r}; expected HOST:PORT")
    return Listen(host, int(port))


def secret(path: str) -> str:
    """The single value in a secret file. Raises SettingsError."""
    return read_secret(Path(path))


def listen(raw: dict[str, Any], key: str) -> Listen:
    """``key`` as address and port."""
    item = obj(raw, key)
    return Listen(text(item, "host"), int(number(item, "port")))


def text(raw: dict[str, Any], key: str) -> str:
    """``key`` as a text that is not empty."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{key}: {value!r}; expected a text")
    return value


def is_number(value: object) -> bool:
    """True for an integer or float; JSON booleans are neither."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(raw: dict[str, Any], key: str) -> float:
    """``key`` as a number of 0 or more."""
    value = raw.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise SettingsError(f"{key}: {value!r}; expected a number of 0 or more")
    return value


def obj(raw: dict[str, Any], key: str) -> dict[str, Any]:
    """``key`` as an object."""
    value = raw.get(key)
    if not isinstance(value, dict):
        raise SettingsError(f"{key}: {value!r}; expected an object")
    return value


def items(raw: dict[str, Any], key: str) -> list[Any]:
    """``key`` as a list."""
    value = raw.get(key)
    if not isinstance(value, list):
        raise SettingsError(f"{key}: {value!r}; expected a list")
    return value
