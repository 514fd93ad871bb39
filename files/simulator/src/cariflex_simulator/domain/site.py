"""Where the plants stand and what they are. Light to import: the settings need no more than this."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Site:
    """Where the plants stand: degrees north and east, metres above the sea."""

    latitude: float
    longitude: float
    altitude_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Plant:
    """A plant: peak power of its panels, and where they look (0 = north, 180 = south)."""

    plant_id: str
    peak_kw: float
    tilt_deg: float
    azimuth_deg: float
