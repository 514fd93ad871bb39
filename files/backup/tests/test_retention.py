"""Retention over years, leap days and gaps, against an oracle that decides archive by archive."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cariflex_backup.retention import Archive, Rules, kept

RULES = Rules()
# 2024 and 2028 are leap years; 2026 has 53 ISO weeks.
START = datetime(2023, 12, 25, tzinfo=UTC)
TIMES = st.integers(0, 5 * 366 * 86400).map(lambda seconds: START + timedelta(seconds=seconds))
ARCHIVES = st.sets(st.builds(Archive, TIMES, st.booleans()), max_size=60)


def _expected(archive, archives, now):
    good = [other for other in archives if other.good]
    earlier = [other for other in good if other.taken < archive.taken]
    week = archive.taken.date() - timedelta(days=archive.taken.weekday())
    first_of_week = not any(other.taken.date() >= week for other in earlier)
    first_of_month = not any(
        (other.taken.year, other.taken.month) == (archive.taken.year, archive.taken.month)
        for other in earlier
    )
    age = now - archive.taken
    newest = archive.good and all(other.taken <= archive.taken for other in good)
    return (
        age < timedelta(days=30)
        or (archive.good and first_of_week and age < timedelta(days=84))
        or (archive.good and first_of_month)
        or newest
    )


@given(ARCHIVES, TIMES)
def test_kept__any_archives__as_the_oracle_says(archives, now):
    assert kept(archives, now, RULES) == {a for a in archives if _expected(a, archives, now)}


@given(ARCHIVES, TIMES)
def test_kept__any_archives__never_loses_the_newest_good_one(archives, now):
    good = [archive for archive in archives if archive.good]
    if good:
        assert max(good) in kept(archives, now, RULES)


@given(st.sets(TIMES, min_size=1, max_size=40), st.lists(TIMES, max_size=8))
def test_kept__removing_day_by_day__leaves_what_removing_once_leaves(times, steps):
    end = max(times) + timedelta(days=1)
    survivors, seen = set(), set()
    for now in [*sorted(step for step in steps if step < end), end]:
        new = {Archive(time) for time in times if time <= now} - seen
        seen |= new
        survivors = kept(survivors | new, now, RULES)

    assert survivors == kept({Archive(time) for time in times}, end, RULES)


def test_kept__a_year_of_nightly_backups__thirty_days_twelve_weeks_all_months():
    nights = [datetime(2024, 1, 1, 2, 15, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    now = nights[-1] + timedelta(hours=1)

    keep = sorted(archive.taken for archive in kept(map(Archive, nights), now, RULES))

    assert keep[-30:] == nights[-30:]
    assert [time.date().isoformat() for time in keep if time.day == 1] == [
        f"2024-{month:02}-01" for month in range(1, 13)
    ]
    mondays = [time for time in nights if time.weekday() == 0 and now - time < timedelta(weeks=12)]
    assert set(mondays) <= set(keep)
    assert set(keep) == {*nights[-30:], *mondays, *(time for time in nights if time.day == 1)}
