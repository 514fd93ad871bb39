"""Prints the simulated past as a psql script. It needs neither a network nor a database's password."""

import sys

from cariflex_service.reading import SettingsError
from cariflex_service.runtime import utc_now
from cariflex_simulator.history.script import script
from cariflex_simulator.history.series import history
from cariflex_simulator.settings import read_sensors, read_settings


def main() -> None:
    """Entry point ``sim-history``."""
    try:
        settings = read_settings()
        sensors = read_sensors(settings)
    except SettingsError as error:
        sys.exit(f"sim-history: {error}")
    for piece in script(history(settings, sensors, utc_now())):
        sys.stdout.write(piece)
