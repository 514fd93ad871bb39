"""Deterministic ids: the same cause and revision always give the same instruction id, across restarts too."""

from uuid import UUID, uuid5

from cariflex_s2.domain.model import Cause

NAMESPACE = UUID("6d0a5a3c-94f0-5c0f-9a55-5f3a3f0c2d11")


def instruction_id(resource_id: str, cause: Cause, revision: int) -> UUID:
    """The id of an instruction; ``revision`` counts the setpoints within one interval of one modification."""
    interval = cause.interval.isoformat()
    return uuid5(
        NAMESPACE, "\n".join([resource_id, cause.event, cause.modification, interval, str(revision)])
    )


def is_same_setpoint(power_w: float, other_w: float, tolerance_w: float) -> bool:
    """Whether a device need not be told: standing still is never nearly the same as a little power."""
    if power_w == 0 or other_w == 0:
        return power_w == other_w
    return abs(power_w - other_w) <= tolerance_w
