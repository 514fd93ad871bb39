"""Which signals concern a device at a moment, until when nothing changes, and what follows."""

from collections.abc import Iterable
from datetime import datetime

from cariflex_s2.domain.model import ActiveSignal, Decision, Device, Range, Signal, Situation, State
from cariflex_s2.domain.process import process_signals
from cariflex_s2.domain.schedule import Base


def active_signals(signals: Iterable[Signal], resource_id: str, now: datetime) -> list[ActiveSignal]:
    """What the signals ask of a resource at ``now``."""
    found: list[ActiveSignal] = []
    for signal in signals:
        if not signal.targets or resource_id in signal.targets:
            active = signal.at(now)
            if active is not None:
                found.append(active)
    return found


def next_change(signals: Iterable[Signal], resource_id: str, base: Base, now: datetime) -> datetime:
    """When a device must be looked at again: a signal's interval begins or ends, or the base moves on."""
    moments = [base.until]
    for signal in signals:
        if not signal.targets or resource_id in signal.targets:
            moments += [
                edge for interval in signal.intervals for edge in (interval.start, interval.end) if edge > now
            ]
    return min(moments)


def decide(
    resource_id: str,
    limits_w: Range,
    device: Device,
    state: State,
    base: Base,
    active: list[ActiveSignal],
    now: datetime,
) -> Decision:
    """The decision at ``now``. Fill limits hold for the rest of the events', else the base's interval."""
    until = min((signal.interval.end for signal in active), default=base.until)
    situation = Situation(
        resource_id=resource_id,
        limits_w=limits_w,
        device=device,
        state=state,
        base_w=base.power_w,
        base_cause=base.cause,
        now=now,
        until=until,
    )
    return process_signals(situation, active)
