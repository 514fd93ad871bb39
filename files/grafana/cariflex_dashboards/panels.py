"""Building blocks: data sources, SQL and Prometheus targets, lines, tables and single values."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import LineInterpolation, StackingMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

from cariflex_dashboards.texts import PANELS

POSTGRES = "grafana-postgresql-datasource"
FLEXMEASURES = DataSourceRef(type_val=POSTGRES, uid="cariflex-flexmeasures")
OPENADR = DataSourceRef(type_val=POSTGRES, uid="cariflex-openadr")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="cariflex-prometheus")


class SqlQuery(Dataquery):
    """A raw SQL query of Grafana's PostgreSQL data source, for which the SDK publishes no type."""

    def __init__(self, source: DataSourceRef, sql: str, layout: str, ref_id: str = "A") -> None:
        self._fields: dict[str, Any] = {
            "datasource": source,
            "editorMode": "code",
            "format": layout,
            "rawQuery": True,
            "rawSql": sql,
            "refId": ref_id,
        }

    def to_json(self) -> dict[str, Any]:
        """Return it as Grafana stores it."""
        return self._fields


class SqlTarget(Builder[Dataquery]):
    """The builder that panels want."""

    def __init__(
        self, source: DataSourceRef, sql: str, layout: str = "time_series", ref_id: str = "A"
    ) -> None:
        self._query = SqlQuery(source, sql, layout, ref_id)

    def build(self) -> Dataquery:
        """Return the query."""
        return self._query


def prometheus_target(expression: str, legend: str) -> prometheus.Dataquery:
    """Return a range query."""
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id("A")


def lines(name: str, language: str, source: DataSourceRef, unit: str, *, width: int = 8) -> timeseries.Panel:
    """Return a panel of lines without a target; intervals are never shorter than a minute."""
    title, description = PANELS[name][language]
    panel = timeseries.Panel().title(title).description(description).datasource(source)
    panel.unit(unit).span(width).height(8).fill_opacity(10).line_width(1).interval("1m")
    # Hourly values still make one line.
    return panel.span_nulls(2 * 3600 * 1000).legend(common.VizLegendOptions().show_legend(True))


def steps(panel: timeseries.Panel) -> timeseries.Panel:
    """Draw values that hold for their interval as steps."""
    return panel.line_interpolation(LineInterpolation.STEP_AFTER)


def stacked(panel: timeseries.Panel) -> timeseries.Panel:
    """Stack the lines, so that the upper edge is the sum."""
    return panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL)).fill_opacity(40)


def rows(name: str, language: str, source: DataSourceRef, *, width: int = 12) -> table.Panel:
    """Return a table without a target."""
    title, description = PANELS[name][language]
    return table.Panel().title(title).description(description).datasource(source).span(width).height(8)


def value(name: str, language: str, source: DataSourceRef, unit: str, red_above: float) -> stat.Panel:
    """Return a single value that turns red above a limit, without a target."""
    title, description = PANELS[name][language]
    colours = [Threshold(value=None, color="green"), Threshold(value=red_above, color="red")]
    limits = builders.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)
    panel = stat.Panel().title(title).description(description).datasource(source)
    return panel.unit(unit).thresholds(limits).span(6).height(8)
