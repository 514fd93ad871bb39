"""What power the signals ask for, before the device's own limits."""

from collections.abc import Iterable, Sequence

from cariflex_s2.domain.model import ActiveSignal, Range, SignalType


def shift(base_w: float, levels: Iterable[float], reach_w: Range) -> float:
    """Demand response: level 1 moves to the low end of ``reach_w``, -1 to the high one; the highest wins.

    Monotone: a higher level never gives a higher power.
    """
    base_w = reach_w.clamp(base_w)
    level = max(levels, default=0.0)
    if level >= 0:
        return base_w + level * (reach_w.low - base_w)
    return base_w - level * (reach_w.high - base_w)


def scale(power_w: float, offsets_percent: Iterable[float]) -> float:
    """Percent offset: of several the one that leaves the least. -100 is nothing; the sign never changes."""
    return min((power_w * max(0.0, 1 + offset / 100) for offset in offsets_percent), default=power_w)


def cap(power_w: float, shares: Iterable[float], greatest_w: float) -> float:
    """Load-control capacity: no more than the smallest share of the greatest consumption."""
    return min(power_w, min(shares, default=1.0) * greatest_w) if greatest_w > 0 else min(power_w, 0.0)


def values_of(signals: Sequence[ActiveSignal], signal_type: SignalType) -> list[float]:
    """The values of one type's signals."""
    return [signal.value for signal in signals if signal.signal_type is signal_type]
