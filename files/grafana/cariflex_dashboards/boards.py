"""The two dashboards: what the devices do, and whether the system is well."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import Dashboard

from cariflex_dashboards import queries
from cariflex_dashboards.panels import (
    FLEXMEASURES,
    OPENADR,
    PROMETHEUS,
    SqlTarget,
    lines,
    prometheus_target,
    rows,
    stacked,
    steps,
    value,
)
from cariflex_dashboards.sensors import ids_of
from cariflex_dashboards.texts import NAMES, TITLES


def _board(name: str, language: str, start: str, end: str) -> dashboard.Dashboard:
    board = dashboard.Dashboard(TITLES[name][language]).uid(f"cariflex-{name}").tags(["cariflex"])
    return board.readonly().timezone("browser").time(start, end).refresh("30s")


def ems(sensor_map: dict[str, Any], language: str) -> Dashboard:
    """Return the dashboard of the devices, prices, signals and events: 14 panels."""
    names = NAMES[language]

    def ids(name: str) -> list[int]:
        return ids_of(sensor_map, name)

    def plot(panel: str, unit: str, *wanted: str) -> Any:
        sql = queries.series([number for name in wanted for number in ids(name)])
        return lines(panel, language, FLEXMEASURES, unit).with_target(SqlTarget(FLEXMEASURES, sql))

    devices = ids("bat_{nn}_actual_power") + ids("ev_{nn}_actual_power")
    schedules = ids("bat_{nn}_schedule") + ids("ev_{nn}_schedule")
    net = queries.net_power(ids("pv_{nn}_power"), devices, names["net"], names["self_consumption"])
    scheduled = SqlTarget(FLEXMEASURES, queries.total(schedules, queries.SCHEDULED, names["scheduled"]))
    measured = queries.total(devices, queries.MEASURED, names["actual"])
    actual = SqlTarget(FLEXMEASURES, measured, ref_id="B")
    board = _board("ems", language, "now-24h", "now+24h")
    for panel in (
        stacked(plot("pv", "kwatt", "pv_{nn}_power")),
        plot("battery", "kwatth", "bat_{nn}_power"),
        plot("ev", "kwatth", "ev_{nn}_power"),
        plot("irradiance", "Wm2", "irradiance"),
        plot("temperature", "celsius", "temperature"),
        plot("wind", "velocityms", "wind_speed"),
        steps(plot("consumption_price", "EUR/MWh", "consumption_price")),
        steps(plot("production_price", "EUR/MWh", "production_price")),
        steps(plot("load_control", "percent", "load_control_signal")),
        steps(plot("demand_response", "none", "demand_response_signal")),
        lines("net_power", language, FLEXMEASURES, "kwatt").with_target(SqlTarget(FLEXMEASURES, net)),
        steps(lines("schedule", language, FLEXMEASURES, "kwatt")).with_target(scheduled).with_target(actual),
        rows("events", language, OPENADR).with_target(SqlTarget(OPENADR, queries.events(names), "table")),
        rows("freshness", language, FLEXMEASURES).with_target(
            SqlTarget(FLEXMEASURES, queries.freshness(names), "table")
        ),
    ):
        board.with_panel(panel)
    return board.build()


def operations(language: str) -> Dashboard:
    """Return the dashboard of the services; the Prometheus panels need role monitoring."""

    def plot(panel: str, unit: str, expression: str, legend: str) -> Any:
        target = prometheus_target(expression, legend)
        return lines(panel, language, PROMETHEUS, unit).with_target(target)

    def single(panel: str, unit: str, expression: str, red_above: float) -> Any:
        target = prometheus_target(expression, "").instant()
        return value(panel, language, PROMETHEUS, unit, red_above).with_target(target)

    beliefs = SqlTarget(FLEXMEASURES, queries.BELIEFS_PER_HOUR)
    polls = SqlTarget(OPENADR, queries.VEN_POLLS, "table")
    real = '{fstype!~"tmpfs|overlay"}'
    board = _board("operations", language, "now-6h", "now")
    for panel in (
        single("ven_poll", "s", "cariflex_ven_poll_age_seconds", 30),
        single("backup", "s", "time() - cariflex_backup_last_success_timestamp_seconds", 26 * 3600),
        rows("ven_contact", language, OPENADR).with_target(polls),
        plot("ven_outbox", "none", "cariflex_ven_outbox_posts", "{{state}}"),
        plot("vtn_messages", "none", "60 * rate(cariflex_vtn_messages[5m])", "{{kind}}"),
        plot("s2_sessions", "none", "cariflex_s2_sessions", ""),
        plot("s2_instructions", "none", "60 * rate(cariflex_s2_instructions_total[5m])", "{{cause}}"),
        plot("queue", "none", 'redis_key_size{key=~"rq:queue:.*"}', "{{key}}"),
        plot("database", "bytes", 'pg_database_size_bytes{datname=~"flexmeasures|openadr"}', "{{datname}}"),
        lines("beliefs", language, FLEXMEASURES, "none").with_target(beliefs),
        plot(
            "disk",
            "percentunit",
            f"node_filesystem_avail_bytes{real} / node_filesystem_size_bytes{real}",
            "{{mountpoint}}",
        ),
    ):
        board.with_panel(panel)
    return board.build()
