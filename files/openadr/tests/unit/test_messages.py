"""Replies: canonical from the start, valid against the schema, and safe whatever text they carry."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind
from cariflex_openadr.domain.reports import ReportRequest
from cariflex_openadr.messages import replies
from cariflex_openadr.messages.distribution import Distribution
from cariflex_openadr.messages.document import EI, OADR, MessageError, message_of, parse
from cariflex_openadr.messages.times import (
    format_duration,
    format_moment,
    parse_duration,
    parse_fixed_duration,
    parse_moment,
)
from support import NOON

# What XML can carry; ids may hold anything that came in a valid message.
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff")
)


def event(event_id: str, context: str) -> Event:
    start = NOON.replace(second=0)
    price = Interval(start, timedelta(hours=1), 92.5)
    half = (
        Interval(start, timedelta(minutes=30), 0.4),
        Interval(start + timedelta(minutes=30), timedelta(minutes=30), 0),
    )
    signals = (Signal(SignalKind.PRICE, (price,)), Signal(SignalKind.LOAD_CONTROL, half))
    return Event(event_id, 1, NOON, context, signals, resource_ids=("battery_01",))


@settings(max_examples=40, deadline=None)
@given(first=TEXT, second=TEXT)
def test_replies__any_text__schema_met_canonical_and_unchanged(first: str, second: str) -> None:
    """Signatures rest on replies being canonical as they are; whatever is echoed must stay text."""
    request = ReportRequest(
        first, "v", second, ((first, "Direct Read"),), timedelta(minutes=1), timedelta(hours=1)
    )
    made = [
        replies.response(first or "v", second, 452, first),
        replies.request_reregistration(first or "v"),
        replies.created_party_registration("V", first, timedelta(seconds=10), "v", second),
        replies.created_party_registration("V", first, timedelta(seconds=10), code=463, description=second),
        replies.canceled_party_registration("v", first, second),
        replies.registered_report("v", first, [request]),
        replies.create_report("v", first, [request]),
        replies.cancel_report("v", first, [second]),
        replies.updated_report("v", first, 452, second),
        replies.created_opt(first, second),
        replies.canceled_opt(first, second, 452, first),
        Distribution("V").render(
            first, [event(first, "http://c/" + second.replace("/", ""))], "v", NOON, second
        ),
    ]
    for signed in made[:-1]:
        found = parse(replies.payload(signed).encode()).find(f"{OADR}oadrSignedObject")
        assert etree.tostring(found, method="c14n") == signed.encode()
    # marketContext is a URI in the schema, which refuses some of the texts; canonical it is all the same.
    assert etree.tostring(etree.fromstring(made[-1].encode()), method="c14n") == made[-1].encode()


def test_distribution__rendered_once_for_each_modification() -> None:
    """The text of an event is made once, however many VENs it goes to and however time goes on."""
    made = Distribution("V")
    for number in range(50):
        made.render("r", [event("e", "http://c")], f"ven-{number}", NOON + timedelta(minutes=number))
    assert made.rendered == 1


@given(seconds=st.integers(min_value=0, max_value=10**8))
def test_duration__there_and_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT15M", timedelta(minutes=15)),
        ("P1DT1H", timedelta(hours=25)),
        ("P2W", timedelta(weeks=2)),
        ("PT1.5S", timedelta(seconds=1.5)),
        ("P", timedelta()),
        ("-PT5S", timedelta(seconds=-5)),
        ("P1M", timedelta(days=30)),
    ],
)
def test_duration__forms(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "15M", "PT1X", None, "P9999999999Y", "P999999999Y"])
def test_duration__none__refused(text: str | None) -> None:
    with pytest.raises(MessageError, match="duration"):
        parse_duration(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_moment__there_and_back(moment: datetime) -> None:
    assert parse_moment(format_moment(moment)) == moment


@pytest.mark.parametrize("text", ["P1Y", "P1M", "-PT5S", "PT1X"])
def test_fixed_duration__of_no_fixed_length__refused(text: str) -> None:
    """A VEN plans by what it is told: a month, or a time below zero, is no plan."""
    with pytest.raises(MessageError, match="duration"):
        parse_fixed_duration(text)
    assert parse_fixed_duration("P1DT1H") == timedelta(hours=25)


@pytest.mark.parametrize("text", ["yesterday", "", None, "2026-11-23T04:00:00", "0001-01-01T00:00:00+01:00"])
def test_moment__none_in_utc__refused(text: str | None) -> None:
    with pytest.raises(MessageError, match="date-time"):
        parse_moment(text)


def test_parse__comment_inside_an_id__does_not_cut_it() -> None:
    """What follows a comment belongs to the id: a parser that keeps comments would stop at it."""
    text = replies.payload(replies.response("site-1")).replace("site-1", "site-1<!-- -->23")
    assert message_of(parse(text.encode())).findtext(f"{EI}venID") == "site-123"
