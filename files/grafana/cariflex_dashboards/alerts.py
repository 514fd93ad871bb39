"""Grafana's own alert rules, in the format of its provisioning files."""

from __future__ import annotations

from typing import Any

from cariflex_dashboards import queries
from cariflex_dashboards.panels import FLEXMEASURES, OPENADR, SqlQuery
from cariflex_dashboards.texts import ALERTS

_RANGE_S = {"from": 600, "to": 0}
_VEN_SILENT_S = 30


def rules(language: str) -> dict[str, Any]:
    """Return one group of rules, evaluated each minute."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": "cariflex",
                "folder": "Cariflex",
                "interval": "1m",
                "rules": [
                    _rule("stale", language, FLEXMEASURES, queries.STALE_SENSORS, 0, "5m"),
                    _rule("ven_silent", language, OPENADR, queries.SILENT_VENS, _VEN_SILENT_S, "1m"),
                    _rule("unanswered", language, OPENADR, queries.UNANSWERED_EVENTS, 0, "1m"),
                ],
            }
        ],
    }


def _rule(name: str, language: str, source: Any, sql: str, above: float, lasting: str) -> dict[str, Any]:
    """Fire when a row's only number lies above a limit; its text columns become labels."""
    title, summary = ALERTS[name][language]
    threshold = {
        "refId": "B",
        "type": "threshold",
        "expression": "A",
        "conditions": [{"evaluator": {"type": "gt", "params": [above]}}],
        "datasource": {"type": "__expr__", "uid": "__expr__"},
    }
    return {
        "uid": f"cariflex-{name.replace('_', '-')}",
        "title": title,
        "condition": "B",
        "for": lasting,
        # A query that fails says nothing good about the system.
        "noDataState": "OK",
        "execErrState": "Alerting",
        "annotations": {"summary": summary},
        "labels": {"team": "cariflex"},
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": _RANGE_S,
                "datasourceUid": source.uid,
                "model": SqlQuery(source, sql, "table").to_json(),
            },
            {"refId": "B", "relativeTimeRange": _RANGE_S, "datasourceUid": "__expr__", "model": threshold},
        ],
    }
