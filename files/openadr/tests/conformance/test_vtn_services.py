"""EiRegisterParty and EiOpt message by message, and what each answers to what breaks its rules."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openleadr.messaging import create_message

from cariflex_openadr.messages.document import EI, PYLD
from cariflex_openadr.vtn import Vtn
from support import VEN_ID
from support.certified_ven import registration
from support.messages import ask, code, head, send
from support.vtn import operator

START = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


@pytest.fixture
async def served(vtn: Vtn) -> Vtn:
    """A VTN with a registered VEN."""
    await vtn.store.parties.set_registered(VEN_ID, True)
    return vtn


async def test_query_registration__says_what_we_speak_and_registers_nobody(vtn: Vtn) -> None:
    """Rule: oadrQueryRegistration tells profiles and poll frequency; ids only to registered VENs."""
    kind, message = await ask(vtn, "EiRegisterParty", "oadrQueryRegistration")
    assert (kind, code(message)) == ("oadrCreatedPartyRegistration", "200")
    assert message.findtext(f"{EI}registrationID") is None
    assert message.findtext(f"{EI}vtnID") == "CARIFLEX_VTN"
    assert [item.text for item in message.iter() if item.tag.endswith("duration")] == ["PT1S"]


async def test_registration__new_then_again__same_id(vtn: Vtn) -> None:
    """Rule: a VEN that registers again keeps its registrationID; the request's id is echoed."""
    found: list[str | None] = []
    for asked in ({}, {"registration_id": "reg-1"}):
        kind, message = await ask(
            vtn, "EiRegisterParty", "oadrCreatePartyRegistration", **registration("cariflex-ven", **asked)
        )
        assert (kind, code(message)) == ("oadrCreatedPartyRegistration", "200")
        assert message.findtext(f"{EI}eiResponse/{PYLD}requestID") == "request-1"
        found.append(message.findtext(f"{EI}registrationID"))
    assert found == ["reg-1", "reg-1"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"registration_id": "another"}, "452"),
        ({"transport_name": "xmpp"}, "469"),
        ({"http_pull_model": False, "transport_address": "http://ven"}, "469"),
        ({"ven_id": None, "ven_name": "stranger"}, "463"),
    ],
)
async def test_registration__that_cannot_be__refused(vtn: Vtn, asked: dict[str, Any], expected: str) -> None:
    """A wrong registrationID (452), push or XMPP (469), an unknown VEN (463): said so, and not kept."""
    text = registration("cariflex-ven") | asked
    kind, message = await ask(vtn, "EiRegisterParty", "oadrCreatePartyRegistration", **text)
    assert (kind, code(message)) == ("oadrCreatedPartyRegistration", expected)
    assert message.findtext(f"{EI}registrationID") is None
    known = vtn.store.mirror.ven(VEN_ID)
    assert known is not None
    assert not known.registered


async def test_registration__another_vens_id__refused(vtn: Vtn) -> None:
    """A name with another's venID gets nothing."""
    text = create_message(
        "oadrCreatePartyRegistration", request_id="r", **registration("somebody", ven_id=VEN_ID)
    )
    assert (await send(vtn, "EiRegisterParty", text))[0] == 403


async def test_unregistered__asked_to_register__whatever_it_sends(vtn: Vtn) -> None:
    """Rule: a VEN that is not registered is answered with oadrRequestReregistration."""
    for service, kind in (("OadrPoll", "oadrPoll"), ("EiEvent", "oadrRequestEvent")):
        assert (await ask(vtn, service, kind))[0] == "oadrRequestReregistration"


async def test_cancel_registration__wrong_id_refused_right_one_ends_it(served: Vtn) -> None:
    """Rule: a VEN cancels its registration with its registrationID; another id is 452 and changes nothing."""
    kind, message = await ask(
        served, "EiRegisterParty", "oadrCancelPartyRegistration", registration_id="another"
    )
    assert (kind, code(message)) == ("oadrCanceledPartyRegistration", "452")
    assert (await ask(served, "OadrPoll", "oadrPoll"))[0] == "oadrDistributeEvent"
    _, message = await ask(served, "EiRegisterParty", "oadrCancelPartyRegistration", registration_id="reg-1")
    assert code(message) == "200"
    assert (await ask(served, "OadrPoll", "oadrPoll"))[0] == "oadrRequestReregistration"


async def test_request_event__reply_limit__no_more_events(served: Vtn) -> None:
    """Rule: replyLimit bounds the events of the answer; without it all are sent. requestID is echoed."""
    for limit, expected in ((None, 3), (1, 1)):
        kind, message = await ask(served, "EiEvent", "oadrRequestEvent", reply_limit=limit)
        assert kind == "oadrDistributeEvent"
        assert len(list(message.iter(f"{EI}eiEvent"))) == expected
        assert message.findtext(f"{EI}eiResponse/{PYLD}requestID") == "request-1"


async def test_created_event__unknown_beside_known__known_is_kept(served: Vtn) -> None:
    """Rule 21: what was never offered is 452; the other answers of the message are stored all the same."""
    _, message = await ask(served, "OadrPoll", "oadrPoll")
    known = next(message.iter(f"{EI}eventID")).text
    responses = [
        head() | {"event_id": event_id, "modification_number": number, "opt_type": "optIn"}
        for event_id, number in ((known, 0), (known, 7), ("nobody", 0))
    ]
    _, message = await ask(served, "EiEvent", "oadrCreatedEvent", response=head(), event_responses=responses)
    assert code(message) == "452"
    _, shown = await operator(served, "GET", f"/events/{known}")
    assert [opt["modification"] for opt in shown["opts"]] == [0]


async def test_opt__again__the_last_one_holds(served: Vtn) -> None:
    """A VEN may change its mind: the last opt to a modification holds."""
    _, message = await ask(served, "OadrPoll", "oadrPoll")
    known = next(message.iter(f"{EI}eventID")).text
    for opt in ("optIn", "optOut"):
        response = head() | {"event_id": known, "modification_number": 0, "opt_type": opt}
        _, message = await ask(
            served, "EiEvent", "oadrCreatedEvent", response=head(), event_responses=[response]
        )
        assert code(message) == "200"
    _, shown = await operator(served, "GET", f"/events/{known}")
    assert [opt["opt"] for opt in shown["opts"]] == ["optOut"]


async def test_message_for_another_service__compliance_error(served: Vtn) -> None:
    """Rule: a message to the wrong service is answered with 459."""
    kind, message = await ask(served, "EiEvent", "oadrPoll")
    assert (kind, code(message)) == ("oadrResponse", "459")


def opt_schedule(**changes: Any) -> dict[str, Any]:
    times = {"components": [{"dtstart": START, "duration": timedelta(hours=2)}]}
    return {
        "opt_id": "opt-1",
        "opt_type": "optOut",
        "opt_reason": "notParticipating",
        "vavailability": times,
        "created_date_time": START,
        **changes,
    }


async def test_create_opt__kept_until_cancelled(served: Vtn) -> None:
    """Rule: oadrCreateOpt is acknowledged with its optID, oadrCancelOpt ends it; an unknown one is 452."""
    kind, message = await ask(served, "EiOpt", "oadrCreateOpt", **opt_schedule())
    assert (kind, code(message), message.findtext(f"{EI}optID")) == ("oadrCreatedOpt", "200", "opt-1")
    _, ven = await operator(served, "GET", f"/vens/{VEN_ID}")
    assert ven["opt_schedules"] == 1
    kind, message = await ask(served, "EiOpt", "oadrCancelOpt", opt_id="another")
    assert (kind, code(message)) == ("oadrCanceledOpt", "452")
    _, message = await ask(served, "EiOpt", "oadrCancelOpt", opt_id="opt-1")
    assert code(message) == "200"
    _, ven = await operator(served, "GET", f"/vens/{VEN_ID}")
    assert ven["opt_schedules"] == 0


async def test_create_opt__for_an_event__is_the_opt_to_it(served: Vtn) -> None:
    """Rule: oadrCreateOpt with an eventID changes the opt to that event; an unknown event is 452."""
    _, message = await ask(served, "OadrPoll", "oadrPoll")
    known = next(message.iter(f"{EI}eventID")).text
    changed = opt_schedule(vavailability=None, event_id=known, modification_number=0)
    _, message = await ask(served, "EiOpt", "oadrCreateOpt", **changed)
    assert code(message) == "200"
    _, shown = await operator(served, "GET", f"/events/{known}")
    assert [(opt["opt"], opt["description"]) for opt in shown["opts"]] == [("optOut", "notParticipating")]
    unknown = opt_schedule(opt_id="opt-2", vavailability=None, event_id="nobody", modification_number=0)
    _, message = await ask(served, "EiOpt", "oadrCreateOpt", **unknown)
    assert code(message) == "452"


async def test_create_opt__for_nothing__refused(served: Vtn) -> None:
    """An opt with neither times nor event says nothing: 454."""
    _, message = await ask(served, "EiOpt", "oadrCreateOpt", **opt_schedule(vavailability=None))
    assert code(message) == "454"
