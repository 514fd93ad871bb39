"""Which days are thinned or deleted: never the kept ones, each day once, every mistake in one error."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cariflex_backup.errors import BackupError
from cariflex_backup.thinning import Rule, Sensor, Window, plan

NOW = datetime(2026, 11, 25, 22, 37, tzinfo=UTC)
TODAY = NOW.replace(hour=0, minute=0)
OLDEST = st.integers(0, 900).map(lambda days: NOW - timedelta(days=days, minutes=days))


def _sensor(number, resolution_s=300, oldest=TODAY - timedelta(days=100)):
    return Sensor(number, f"pv_{number:02d}_power", resolution_s, oldest)


@given(OLDEST, st.integers(1, 400), st.integers(0, 500), st.sampled_from([0, 60, 300]))
def test_plan__any_rule__thins_old_days_once_and_never_the_kept_ones(oldest, keep, more, resolution_s):
    delete_after = keep + more if more else 0
    sensor = _sensor(1, resolution_s, oldest)
    windows = plan([Rule(("pv_{nn}_power",), keep, 900, delete_after)], [sensor], NOW)

    def fate(age_days):
        day = TODAY - timedelta(days=age_days)
        return [window.bucket_s for window in windows if window.start <= day < window.end]

    for age in range(902):
        too_young, before_all = age <= keep, TODAY - timedelta(days=age - 1) <= oldest
        deleted = delete_after and age > delete_after
        expected = [] if too_young or before_all else [0 if deleted else 900]
        assert fate(age) == expected, age


def test_plan__only_the_sensors_that_a_rule_names():
    other = Sensor(84, "consumption_price", 3600, TODAY - timedelta(days=50))
    windows = plan([Rule(("pv_{nn}_power",), 30, 900, 0)], [_sensor(1), other, _sensor(12)], NOW)
    start, end = TODAY - timedelta(days=100), TODAY - timedelta(days=30)
    assert windows == [Window(_sensor(1), start, end, 900), Window(_sensor(12), start, end, 900)]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule(("pw_{nn}_power",), 30, 900, 0), "no sensor is called pw_{nn}_power"),
        (Rule(("pv_{nn}_power",), 0, 900, 0), "keep_days is 0, expected 1 or more"),
        (Rule(("pv_{nn}_power",), 30, 1000, 0), "resolution_s is 1000, expected a divisor of 3600"),
        (Rule(("pv_{nn}_power",), 30, 200, 0), "values of 300 s, expected resolution_s 200 to be a multiple"),
        (Rule(("pv_{nn}_power",), 30, 900, 30), "delete_after_days is 30, expected more than keep_days"),
        (Rule(("pv_{nn}_power", "pv_01_power"), 30, 900, 0), "sensor pv_01_power has two rules"),
    ],
)
def test_plan__mistakes__are_named(rule, text):
    with pytest.raises(BackupError) as caught:
        plan([rule], [_sensor(1)], NOW)
    assert text in str(caught.value)


def test_plan__all_mistakes_at_once():
    with pytest.raises(BackupError) as caught:
        plan([Rule(("a",), 0, 7, 0), Rule(("b",), 1, 900, 1)], [_sensor(1)], NOW)
    assert len(str(caught.value).splitlines()) == 5
