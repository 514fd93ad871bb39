"""From signals to what a device shall do, in a fixed order:

1. the base is the schedule, or the device's baseline, raised to what an EV needs until its departure;
2. demand response moves it between there and the limits, a percent offset scales it;
3. a load-control capacity caps consumption last: it stands above a departure target;
4. what is left is clamped to power ranges and fill level. The sign never changes in this step.
"""

from collections.abc import Sequence
from dataclasses import replace

from cariflex_s2.domain.feasible import best_setting, needed_w, reach_w
from cariflex_s2.domain.model import ActiveSignal, Cause, Decision, Range, SignalType, Situation
from cariflex_s2.domain.power import cap, scale, shift, values_of


def process_demand_response(situation: Situation, signals: Sequence[ActiveSignal]) -> Decision:
    """The decision for the demand-response signals in force; of several the highest level holds."""
    levels = [signal for signal in signals if signal.signal_type is SignalType.LEVEL]
    return _decide(_shifted(situation, levels))


def process_load_control(situation: Situation, signals: Sequence[ActiveSignal]) -> Decision:
    """The decision for the load-control signals in force; of several the strictest holds."""
    controls = [signal for signal in signals if signal.signal_type is not SignalType.LEVEL]
    reach = reach_w(situation.device, situation.state.fill_level_kwh, situation.limits_w)
    floor = min(needed_w(situation), reach.high)
    power = max(reach.clamp(situation.base_w), floor)
    power = max(scale(power, values_of(controls, SignalType.PERCENT_OFFSET)), floor)
    power = cap(power, values_of(controls, SignalType.CAPACITY), reach.high)
    cause = cause_of(controls, situation.base_cause)
    return _decide(replace(situation, base_w=power, base_cause=cause))


def process_signals(situation: Situation, signals: Sequence[ActiveSignal]) -> Decision:
    """Both kinds together: demand response moves the base that load control then limits."""
    levels = [signal for signal in signals if signal.signal_type is SignalType.LEVEL]
    decision = process_load_control(_shifted(situation, levels), signals)
    return replace(decision, cause=cause_of(signals, situation.base_cause))


def cause_of(signals: Sequence[ActiveSignal], otherwise: Cause) -> Cause:
    """All events in force as one cause, whose interval is the one that began last."""
    if not signals:
        return otherwise
    ordered = sorted(signals, key=lambda signal: signal.event_id)
    return Cause(
        event="+".join(signal.event_id for signal in ordered),
        modification="+".join(str(signal.modification) for signal in ordered),
        interval=max(signal.interval.start for signal in signals),
    )


def _shifted(situation: Situation, levels: Sequence[ActiveSignal]) -> Situation:
    reach = reach_w(situation.device, situation.state.fill_level_kwh, situation.limits_w)
    floor = min(max(needed_w(situation), reach.low), reach.high)
    values = [signal.value for signal in levels]
    return replace(
        situation,
        base_w=shift(situation.base_w, values, Range(floor, reach.high)),
        base_cause=cause_of(levels, situation.base_cause),
    )


def _decide(situation: Situation) -> Decision:
    reach = reach_w(situation.device, situation.state.fill_level_kwh, situation.limits_w)
    wanted = reach.clamp(situation.base_w)
    setting = best_setting(situation.device, situation.state, wanted, situation.remaining_s)
    return Decision(situation.resource_id, situation.base_cause, wanted, setting, situation.until)
