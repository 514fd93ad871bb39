"""Settings of the VTN."""

from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cariflex_openadr.domain.day_file import PRICES, WINDOWS, day_program
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import Program
from cariflex_openadr.domain.reports import ReportPlan
from cariflex_openadr.domain.rules import RuleError
from cariflex_openadr.settings.reading import Listen, items, listen, number, obj, secret, text
from cariflex_service.reading import SettingsError

KEY_TYPES = ("ec", "rsa")


@dataclass(frozen=True, slots=True)
class VenIdentity:
    """A VEN as the configuration names it: served on plain HTTP, until vtnctl gives it a certificate."""

    ven_name: str
    ven_id: str
    registration_id: str


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Where the database is; ``host`` may be a socket's directory. ``ca_file`` None: without TLS."""

    host: str
    port: int
    name: str
    user: str
    password: str
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class SecuritySettings:
    """Certificates and limits. ``tls`` None: no door for outside VENs."""

    pki_dir: Path
    tls: Listen | None
    tls_names: tuple[str, ...]
    key_type: str
    signature_required: bool
    replay_window: timedelta
    requests_per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class VtnSettings:
    """Settings of the VTN."""

    vtn_id: str
    openadr: Listen
    operator: Listen
    admin_token: str
    poll_interval: timedelta
    vens: tuple[VenIdentity, ...]
    program: Program
    database: DatabaseSettings
    security: SecuritySettings
    reports: ReportPlan
    log_level: str


def vtn_settings(raw: dict[str, Any]) -> VtnSettings:
    """Check and convert the VTN's configuration, and read the secrets it points to. Raises SettingsError."""
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
        admin_token=secret(text(raw, "admin_token_file")),
        poll_interval=timedelta(seconds=number(raw, "poll_interval_s")),
        vens=vens,
        program=program_settings(obj(raw, "program")),
        database=_database(obj(raw, "database")),
        security=_security(obj(raw, "security")),
        reports=_reports(obj(raw, "reports")),
        log_level=text(raw, "log_level"),
    )


def _database(raw: dict[str, Any]) -> DatabaseSettings:
    return DatabaseSettings(
        host=text(raw, "host"),
        port=int(number(raw, "port")),
        name=text(raw, "name"),
        user=text(raw, "user"),
        password=secret(text(raw, "password_file")),
        ca_file=text(raw, "ca_file") if raw.get("ca_file") is not None else None,
    )


def _security(raw: dict[str, Any]) -> SecuritySettings:
    key_type = text(raw, "key_type")
    if key_type not in KEY_TYPES:
        raise SettingsError(f"security.key_type: {key_type!r}; expected one of {', '.join(KEY_TYPES)}")
    names = tuple(str(name) for name in items(raw, "tls_names"))
    tls = listen(raw, "tls") if raw.get("tls") is not None else None
    if tls is not None and not names:
        raise SettingsError("security.tls_names: []; expected the names under which VENs reach the VTN")
    requests_per_s, burst = number(raw, "requests_per_s"), int(number(raw, "burst"))
    if requests_per_s <= 0 or burst < 1:
        raise SettingsError(
            f"security: {requests_per_s:g} requests_per_s, burst {burst}; expected more than 0"
        )
    return SecuritySettings(
        pki_dir=Path(text(raw, "pki_dir")),
        tls=tls,
        tls_names=names,
        key_type=key_type,
        signature_required=raw.get("signature_required") is True,
        replay_window=timedelta(seconds=number(raw, "replay_window_s")),
        requests_per_s=requests_per_s,
        burst=burst,
    )


def _reports(raw: dict[str, Any]) -> ReportPlan:
    return ReportPlan(
        granularity=timedelta(seconds=number(raw, "granularity_s")),
        report_back=timedelta(seconds=number(raw, "report_back_s")),
    )


def program_settings(raw: dict[str, Any]) -> Program:
    """Check and convert the program. Raises SettingsError."""
    try:
        zone = ZoneInfo(text(raw, "timezone"))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"program.timezone: {raw['timezone']!r}; expected an IANA zone") from error
    contexts = obj(raw, "market_contexts")
    found = {kind: text(contexts, kind.value) for kind in SignalKind}
    if len(set(found.values())) != len(found):
        raise SettingsError(f"program.market_contexts: {contexts}; expected one for each kind of signal")
    day_ahead_at = raw.get("day_ahead_at")
    try:
        profile = day_program({key: raw[key] for key in (PRICES, *WINDOWS) if key in raw})
        ahead = time.fromisoformat(str(day_ahead_at)) if day_ahead_at is not None else None
    except RuleError as error:
        raise SettingsError(str(error)) from error
    except ValueError as error:
        raise SettingsError(f"program.day_ahead_at: {day_ahead_at!r}; expected HH:MM or null") from error
    return Program(timezone=zone, profile=profile, market_contexts=found, day_ahead_at=ahead)
