"""Settings of the VTN."""

from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import HOURS, DailyWindow, Program
from cariflex_openadr.domain.rules import RuleError, check_value
from cariflex_openadr.settings.reading import (
    Listen,
    SettingsError,
    is_number,
    items,
    listen,
    number,
    obj,
    text,
)


@dataclass(frozen=True, slots=True)
class VenIdentity:
    """A VEN as the VTN knows it. The fixed registration id lets polls go on after a VTN restart."""

    ven_name: str
    ven_id: str
    registration_id: str


@dataclass(frozen=True, slots=True)
class VtnSettings:
    """Settings of the VTN."""

    vtn_id: str
    openadr: Listen
    operator: Listen
    poll_interval: timedelta
    vens: tuple[VenIdentity, ...]
    program: Program
    log_level: str


def vtn_settings(raw: dict[str, Any]) -> VtnSettings:
    """Check and convert the VTN's configuration. Raises SettingsError."""
    vtn_id = text(raw, "vtn_id")
    if vtn_id.islower():
        raise SettingsError(f"vtn_id: {vtn_id!r}; expected an upper-case letter, VENs refuse others with 452")
    vens = tuple(
        VenIdentity(text(item, "ven_name"), text(item, "ven_id"), text(item, "registration_id"))
        for item in items(raw, "vens")
    )
    for key in ("ven_name", "ven_id", "registration_id"):
        found = [getattr(ven, key) for ven in vens]
        if len(set(found)) != len(found):
            raise SettingsError(f"vens: {key} {found}; expected no repetition")
    return VtnSettings(
        vtn_id=vtn_id,
        openadr=listen(raw, "openadr"),
        operator=listen(raw, "operator"),
        poll_interval=timedelta(seconds=number(raw, "poll_interval_s")),
        vens=vens,
        program=_program(obj(raw, "program")),
        log_level=text(raw, "log_level"),
    )


def _program(raw: dict[str, Any]) -> Program:
    try:
        zone = ZoneInfo(text(raw, "timezone"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"program.timezone: {raw['timezone']!r}; expected an IANA zone") from error
    prices = tuple(items(raw, "prices_eur_per_mwh"))
    if len(prices) != HOURS or not all(is_number(price) for price in prices):
        raise SettingsError(f"program.prices_eur_per_mwh: {list(prices)}; expected {HOURS} numbers")
    contexts = obj(raw, "market_contexts")
    found = {kind: text(contexts, kind.value) for kind in SignalKind}
    if len(set(found.values())) != len(found):
        raise SettingsError(f"program.market_contexts: {contexts}; expected one for each kind of signal")
    return Program(
        timezone=zone,
        prices=tuple(float(price) for price in prices),
        load_control=_window(raw, SignalKind.LOAD_CONTROL, "capacity"),
        demand_response=_window(raw, SignalKind.DEMAND_RESPONSE, "level"),
        market_contexts=found,
    )


def _window(program: dict[str, Any], kind: SignalKind, value_key: str) -> DailyWindow | None:
    raw = program.get(kind.value)
    if raw is None:
        return None
    if not isinstance(raw, dict):
        raise SettingsError(f"program.{kind}: {raw!r}; expected an object or null")
    value, duration_s = number(raw, value_key), number(raw, "duration_s")
    if duration_s <= 0 or duration_s % 60 or duration_s > 86400:
        raise SettingsError(f"program.{kind}.duration_s: {duration_s}; expected a multiple of 60 up to 86400")
    try:
        check_value(kind, value)
        start = time.fromisoformat(text(raw, "start"))
    except (RuleError, ValueError) as error:
        raise SettingsError(f"program.{kind}: {error}") from error
    return DailyWindow(start, timedelta(seconds=duration_s), value)
