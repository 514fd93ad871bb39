"""What holds for every signal, device and state."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cariflex_s2.domain.identity import instruction_id
from cariflex_s2.domain.model import (
    ActiveSignal,
    Device,
    Element,
    Mode,
    Range,
    Setting,
    Situation,
    State,
    Target,
)
from cariflex_s2.domain.process import process_signals
from s2.devices import BASE, NOON, capacity, level, offset

WS_PER_KWH = 3.6e6
TINY = 1e-6


@st.composite
def devices(draw: st.DrawFn) -> Device:
    """Storages with one mode a sign, one mode for both, a least charging power, or no discharge."""
    low = draw(st.floats(0, 50))
    room = Range(low, low + draw(st.floats(1, 200)))
    power = draw(st.floats(1_000, 100_000))
    eta = draw(st.floats(0.5, 1.0))
    rate = power / WS_PER_KWH
    least = draw(st.sampled_from([0.0, 0.1, 0.5]))
    charge = Element(room, Range(least * rate * eta, rate * eta), Range(least * power, power))
    discharge = Element(room, Range(-rate / eta, 0), Range(-power, 0))
    both = Element(room, Range(-rate, rate), Range(-power, power))
    idle = Mode("idle", (Element(room, Range(0, 0), Range(0, 0)),))
    modes = draw(
        st.sampled_from(
            [
                (idle, Mode("charge", (charge,)), Mode("discharge", (discharge,))),
                (Mode("charge", (charge,)), idle),
                (Mode("both", (both,)),),
                (idle, Mode("both", (both,))),
            ]
        )
    )
    return Device("actuator", modes, room)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Any fill level from a little outside of the limits, with and without targets and usage."""
    device = draw(devices())
    room = device.fill_level_kwh
    span = room.high - room.low
    targets = draw(
        st.lists(st.builds(_target, st.floats(-1, 30), st.floats(room.low, room.high)), max_size=2)
    )
    limit = draw(st.floats(500, 120_000))
    return Situation(
        resource_id="r",
        limits_w=Range(-limit, limit),
        device=device,
        state=State(
            draw(st.floats(room.low - 0.1 * span, room.high + 0.1 * span)),
            tuple(targets),
            draw(st.sampled_from([0.0, -1e-4, 1e-4])),
        ),
        base_w=draw(st.floats(-120_000, 120_000)),
        base_cause=BASE,
        now=NOON,
        until=NOON + timedelta(seconds=draw(st.floats(1, 14_400))),
    )


def _target(hours: float, fill_kwh: float) -> Target:
    return Target(NOON + timedelta(hours=hours), fill_kwh)


signals = st.lists(
    st.one_of(
        st.builds(capacity, st.floats(0, 1), st.sampled_from("abc")),
        st.builds(level, st.floats(-1, 1), st.sampled_from("def")),
        st.builds(offset, st.floats(-100, 100), st.sampled_from("ghi")),
    ),
    max_size=3,
)


def setting_of(situation: Situation, found: list[ActiveSignal]) -> Setting:
    setting = process_signals(situation, found).setting
    assert setting is not None
    return setting


@given(situations(), signals)
@settings(max_examples=120, deadline=None)
def test__process_signals__never_leaves_the_power_range(
    situation: Situation, found: list[ActiveSignal]
) -> None:
    setting = setting_of(situation, found)
    element = next(m for m in situation.device.modes if m.mode_id == setting.mode_id).elements[0]
    assert 0 <= setting.factor <= 1
    assert element.power_w.low - TINY <= setting.power_w <= element.power_w.high + TINY
    assert situation.limits_w.low - TINY <= setting.power_w <= situation.limits_w.high + TINY


@given(situations(), signals)
@settings(max_examples=120, deadline=None)
def test__process_signals__never_carries_the_fill_level_past_a_limit(
    situation: Situation, found: list[ActiveSignal]
) -> None:
    setting = setting_of(situation, found)
    room, level_now = situation.device.fill_level_kwh, situation.state.fill_level_kwh
    end = level_now + setting.fill_rate_kwh_s * situation.remaining_s
    if setting.power_w > 0:
        assert end <= max(room.high, level_now) + TINY
        assert level_now <= room.high + TINY
    if setting.power_w < 0:
        assert end >= min(room.low, level_now) - TINY
        assert level_now >= room.low - TINY


@given(situations(), signals)
@settings(max_examples=120, deadline=None)
def test__process_signals__clamping_never_changes_the_sign_nor_adds(
    situation: Situation, found: list[ActiveSignal]
) -> None:
    decision = process_signals(situation, found)
    assert decision.setting is not None
    if decision.wanted_w >= 0:
        assert -TINY <= decision.setting.power_w <= decision.wanted_w + TINY
    else:
        assert decision.wanted_w - TINY <= decision.setting.power_w <= TINY


@given(situations(), signals, st.floats(-1, 1), st.floats(-1, 1))
@settings(max_examples=120, deadline=None)
def test__process_signals__is_monotone_in_demand_response(
    situation: Situation, others: list[ActiveSignal], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    relaxed = setting_of(situation, [*others, level(low, "x")])
    strict = setting_of(situation, [*others, level(high, "x")])
    assert strict.power_w <= relaxed.power_w + TINY


@given(situations(), signals, st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=120, deadline=None)
def test__process_signals__is_monotone_in_capacity(
    situation: Situation, others: list[ActiveSignal], one: float, other: float
) -> None:
    low, high = sorted((one, other))
    strict = setting_of(situation, [*others, capacity(low, "x")])
    relaxed = setting_of(situation, [*others, capacity(high, "x")])
    assert strict.power_w <= relaxed.power_w + TINY


@given(situations(), signals, st.floats(0, 1))
@settings(max_examples=120, deadline=None)
def test__process_signals__stays_under_the_cap(
    situation: Situation, others: list[ActiveSignal], share: float
) -> None:
    setting = setting_of(situation, [*others, capacity(share, "x")])
    assert setting.power_w <= share * situation.limits_w.high + TINY


@given(situations(), signals)
@settings(max_examples=80, deadline=None)
def test__process_signals__is_idempotent(situation: Situation, found: list[ActiveSignal]) -> None:
    """Deciding again from what was decided, and in any order of the signals, changes nothing."""
    first, again = process_signals(situation, found), process_signals(situation, list(reversed(found)))
    assert first == again
    assert first.setting is not None
    held = process_signals(
        replace(situation, base_w=first.setting.power_w, state=_without_targets(situation)), []
    )
    assert held.setting is not None
    assert abs(held.setting.power_w - first.setting.power_w) <= TINY
    assert instruction_id("r", first.cause, 0) == instruction_id("r", again.cause, 0)
    assert instruction_id("r", first.cause, 0) != instruction_id("r", first.cause, 1)


def _without_targets(situation: Situation) -> State:
    return replace(situation.state, targets=())
