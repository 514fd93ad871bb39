"""Token buckets."""

from cariflex_openadr.security.rate_limit import MANY, RateLimit


def test_allows__burst_then_the_long_run_rate() -> None:
    limit = RateLimit(per_s=2, burst=3)
    assert [limit.allows("a", 0) for _ in range(5)] == [True, True, True, False, False]
    assert [limit.allows("a", 1) for _ in range(3)] == [True, True, False]
    assert limit.allows("b", 1)


def test_allows__many_who_come_once__forgotten() -> None:
    limit = RateLimit(per_s=1, burst=3)
    for number in range(3 * MANY):
        limit.allows(str(number), number)
    assert len(limit._buckets) <= MANY + 1
