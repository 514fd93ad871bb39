"""Flex-contexts and flex-models of the asset table: known fields, numbered names, references to sensors.

Fields: FlexMeasures 1.0.1, DBFlexContextSchema and DBStorageFlexModelSchema, which check what is stored with
an asset. ``soc-unit`` and ``soc-at-start`` are not among them: they belong to a trigger, and quantities carry
their unit. ``state-of-charge`` is left out, because the scheduler would write its plan onto that sensor.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import Conflict

FLEX_CONTEXT_FIELDS = frozenset(
    [
        "aggregate-consumption",
        "aggregate-power",
        "aggregate-production",
        "commitments",
        "consumption-breach-price",
        "consumption-price",
        "inflexible-consumption",
        "inflexible-device-sensors",
        "inflexible-production",
        "production-breach-price",
        "production-price",
        "relax-capacity-constraints",
        "relax-constraints",
        "relax-site-capacity-constraints",
        "relax-soc-constraints",
        "site-consumption-breach-price",
        "site-consumption-capacity",
        "site-peak-consumption",
        "site-peak-consumption-price",
        "site-peak-production",
        "site-peak-production-price",
        "site-power-capacity",
        "site-production-breach-price",
        "site-production-capacity",
        "soc-maxima-breach-price",
        "soc-minima-breach-price",
    ]
)
FLEX_MODEL_FIELDS = frozenset(
    [
        "charging-efficiency",
        "commodity",
        "consumption",
        "consumption-capacity",
        "coupling",
        "coupling-coefficient",
        "discharging-efficiency",
        "group",
        "inflexible-consumption",
        "inflexible-production",
        "power-capacity",
        "prefer-charging-sooner",
        "prefer-curtailing-later",
        "production",
        "production-capacity",
        "roundtrip-efficiency",
        "soc-gain",
        "soc-max",
        "soc-maxima",
        "soc-min",
        "soc-minima",
        "soc-targets",
        "soc-usage",
        "storage-efficiency",
    ]
)


def unknown_fields(label: str, settings: Mapping[str, Any], known: frozenset[str]) -> Iterator[Conflict]:
    """Yield a conflict for each field that FlexMeasures would ignore or refuse."""
    for name in sorted(set(settings) - known):
        near = difflib.get_close_matches(name, known, n=1)
        expected = near[0] if near else ", ".join(sorted(known))
        yield Conflict(
            f"{label}, field", name, expected, "write a field that FlexMeasures stores with assets"
        )


def resolve(value: Any, sensor_ids: Mapping[str, int], label: str, conflicts: list[Conflict]) -> Any:
    """Return ``value`` with each ``{sensor: name or id}`` turned into the id of a sensor of the map."""
    if isinstance(value, Mapping):
        return {
            key: _sensor_id(item, sensor_ids, label, conflicts)
            if key == "sensor"
            else resolve(item, sensor_ids, label, conflicts)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [resolve(item, sensor_ids, label, conflicts) for item in value]
    return value


def _sensor_id(reference: Any, sensor_ids: Mapping[str, int], label: str, conflicts: list[Conflict]) -> Any:
    found = sensor_ids.get(str(reference))
    if found is not None:
        return found
    if reference not in sensor_ids.values():
        near = difflib.get_close_matches(str(reference), sensor_ids, n=1)
        expected = near[0] if near else "name or id of a sensor of the map"
        conflicts.append(
            Conflict(f"{label}, sensor", reference, expected, "name a sensor that is not retired")
        )
    return reference
