"""Physics of one storage; the balance closes, and shows a wrong efficiency."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cariflex_simulator.domain.record import EnergyRecord, balance_error
from cariflex_simulator.domain.storage import StorageParameters, step

BATTERY = StorageParameters(
    min_fill_kwh=10,
    max_fill_kwh=95,
    max_charge_kw=50,
    max_discharge_kw=50,
    charge_efficiency=0.95,
    discharge_efficiency=0.95,
    self_discharge_per_h=0.0001,
)
LOSSLESS = replace(BATTERY, self_discharge_per_h=0.0)
HOUR_S = 3600.0
MOST_BALANCE_ERROR = 0.01

levels = st.floats(min_value=10, max_value=95)
powers = st.floats(min_value=-80, max_value=80)
durations = st.floats(min_value=1, max_value=7200)


def test_step__charging_for_an_hour__stores_power_times_efficiency() -> None:
    done = step(LOSSLESS, 20.0, 40.0, HOUR_S)

    assert done.fill_kwh == pytest.approx(20 + 40 * 0.95)
    assert done.charged_kwh == pytest.approx(40)


@pytest.mark.parametrize(("fill_kwh", "wanted_kw", "got_kw"), [(94.0, 50.0, 1.0526), (12.0, -50.0, -1.9)])
def test_step__near_a_limit__power_falls_to_what_fits(
    fill_kwh: float, wanted_kw: float, got_kw: float
) -> None:
    """The two worked examples of the S2 facts: 1.05 kW below the maximum, -1.9 kW above the minimum."""
    assert step(LOSSLESS, fill_kwh, wanted_kw, HOUR_S).power_kw == pytest.approx(got_kw, abs=1e-3)


def test_step__idle__loses_its_share_an_hour() -> None:
    done = step(replace(BATTERY, self_discharge_per_h=0.1), 50.0, 0.0, HOUR_S)

    assert done.fill_kwh == pytest.approx(50 * 2.718281828**-0.1)
    assert done.self_discharge_kwh == pytest.approx(50 - done.fill_kwh)


def test_step__use_beyond_the_minimum__stops_there() -> None:
    done = step(LOSSLESS, 12.0, 0.0, HOUR_S, use_kw=5.0)

    assert done.fill_kwh == pytest.approx(10)
    assert done.used_kwh == pytest.approx(2)


@given(levels, powers, durations)
def test_step__whatever_is_asked__limits_hold_and_the_sign_stays(
    fill_kwh: float, wanted_kw: float, duration_s: float
) -> None:
    done = step(LOSSLESS, fill_kwh, wanted_kw, duration_s)

    assert 10 - 1e-9 <= done.fill_kwh <= 95 + 1e-9
    assert abs(done.power_kw) <= min(50, abs(wanted_kw)) + 1e-9
    assert done.power_kw * wanted_kw >= 0


@given(levels, powers, durations)
def test_step__in_two_halves__ends_where_one_step_does(
    fill_kwh: float, wanted_kw: float, duration_s: float
) -> None:
    """As long as no limit is hit: there, a step spreads what fits over all of its time."""
    whole = step(BATTERY, fill_kwh, wanted_kw, duration_s)
    first = step(BATTERY, fill_kwh, wanted_kw, duration_s / 2)
    second = step(BATTERY, first.fill_kwh, wanted_kw, duration_s / 2)

    if 10 < whole.fill_kwh < 95 and whole.power_kw == BATTERY.clamp_kw(wanted_kw):
        assert second.fill_kwh == pytest.approx(whole.fill_kwh, abs=1e-9)


def _lived(parameters: StorageParameters, setpoints_kw: list[float]) -> tuple[EnergyRecord, float]:
    fill_kwh = 50.0
    record = EnergyRecord(start_fill_kwh=fill_kwh)
    for setpoint_kw in setpoints_kw:
        done = step(parameters, fill_kwh, setpoint_kw, 300.0, use_kw=0.3)
        record.add(done)
        fill_kwh = done.fill_kwh
    return record, fill_kwh


@given(st.lists(powers, min_size=1, max_size=60))
def test_balance__any_setpoints__closes_within_one_percent(setpoints_kw: list[float]) -> None:
    record, fill_kwh = _lived(BATTERY, setpoints_kw)

    assert balance_error(record, BATTERY, fill_kwh) <= MOST_BALANCE_ERROR


@pytest.mark.parametrize("field", ["charge_efficiency", "discharge_efficiency"])
def test_balance__efficiency_three_percent_off__is_beyond_one_percent(field: str) -> None:
    """The device is not what its nameplate says: the balance must show it."""
    direction = 30.0 if field == "charge_efficiency" else -30.0
    device = replace(BATTERY, **{field: getattr(BATTERY, field) * 0.97})
    record, fill_kwh = _lived(device, [direction] * 10)

    assert balance_error(record, device, fill_kwh) <= MOST_BALANCE_ERROR
    assert balance_error(record, BATTERY, fill_kwh) > MOST_BALANCE_ERROR


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_fill_kwh", 99.0),
        ("charge_efficiency", 1.2),
        ("max_charge_kw", -1.0),
        ("self_discharge_per_h", 1.0),
    ],
)
def test_parameters__contradiction__names_field_and_value(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field}.*{value}"):
        replace(BATTERY, **{field: value})
