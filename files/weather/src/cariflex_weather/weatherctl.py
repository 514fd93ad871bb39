"""Command line to the running weather service, inside its container."""

import argparse
import json
import sys
import urllib.error
import urllib.request
from typing import Any

from cariflex_service.reading import SettingsError
from cariflex_weather.settings import read_settings

TIMEOUT_S = 10.0
PATHS = {"health": "/healthz", "status": "/status"}


def ask(path: str) -> dict[str, Any]:
    """The answer's JSON. Raises SettingsError, and OSError when the service is failing or away."""
    status = read_settings().status
    # The address comes from our own configuration, and is always http.
    with urllib.request.urlopen(f"http://{status.host}:{status.port}{path}", timeout=TIMEOUT_S) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def main() -> None:
    """Entry point ``weatherctl``."""
    parser = argparse.ArgumentParser(prog="weatherctl", description=__doc__)
    parser.add_argument("command", choices=sorted(PATHS))
    parser.add_argument("--json", action="store_true", help="as JSON")
    options = parser.parse_args()
    try:
        found = ask(PATHS[options.command])
    except (SettingsError, urllib.error.URLError, OSError, ValueError) as error:
        sys.exit(f"weatherctl: {error}; expected a running, healthy weather service")
    print(json.dumps(found) if options.json else "\n".join(f"{key}: {value}" for key, value in found.items()))
