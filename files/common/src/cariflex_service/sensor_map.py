"""The sensor map: the sensor table that the deployment has checked and rendered for services."""

from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from cariflex_service.reading import SettingsError, read_object


def read_sensor_map(path: Path) -> dict[str, Any]:
    """The sensor map at ``path``, checked by the schema that lies beside it. Raises SettingsError."""
    sensor_map = read_object(path)
    schema = read_object(path.with_name("sensor_map.schema.json"))
    mistake = best_match(Draft202012Validator(schema).iter_errors(sensor_map))
    if mistake is not None:
        raise SettingsError(f"{path}: {mistake.json_path}: {mistake.message}; expected what its schema says")
    return sensor_map
