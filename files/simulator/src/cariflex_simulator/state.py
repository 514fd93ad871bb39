"""What survives a restart: each device as it was, prices posted so far, posts that wait."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from cariflex_service.flexmeasures import Post
from cariflex_simulator.domain.device import Command, StorageDevice
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.domain.record import EnergyRecord


class StateError(ValueError):
    """The state file cannot be used; the message names it."""


@dataclass(slots=True)
class DeviceState:
    """A device at a moment; fields as in StorageDevice."""

    now: datetime
    fill_kwh: float
    presence: bool | None
    active: Command | None
    pending: list[Command]
    power_kw: float
    record: EnergyRecord
    interval_start: datetime
    interval_kwh: float


@dataclass(slots=True)
class State:
    """Everything that survives."""

    devices: dict[str, DeviceState]
    prices_until: datetime | None
    waiting: list[Post]


_ADAPTER = TypeAdapter(State)
_FIELDS = tuple(DeviceState.__annotations__)


def snapshot(fleet: Fleet, prices_until: datetime | None, waiting: list[Post]) -> State:
    """The present state."""
    devices = {name: _of(device) for name, device in fleet.devices.items()}
    return State(devices, prices_until, waiting)


def restore(fleet: Fleet, state: State) -> bool:
    """Put the devices where they were; False, and nothing done, when these are other devices."""
    if state.devices.keys() != fleet.devices.keys():
        return False
    for name, device in fleet.devices.items():
        for field in _FIELDS:
            setattr(device, field, getattr(state.devices[name], field))
    fleet.closed_until = next(iter(fleet.devices.values())).interval_start
    return True


def save(path: Path, state: State) -> None:
    """Write the state; a crash leaves the old file or the new one."""
    draft = path.with_suffix(".new")
    draft.write_bytes(_ADAPTER.dump_json(state))
    os.replace(draft, path)


def load(path: Path) -> State | None:
    """The state of the last run, None when there is none. Raises StateError."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError, json.JSONDecodeError) as error:
        raise StateError(
            f"{path}: {error}; expected this program's own file; remove it to start anew"
        ) from error


def _of(device: StorageDevice) -> DeviceState:
    values: dict[str, Any] = {field: getattr(device, field) for field in _FIELDS}
    return DeviceState(**values)
