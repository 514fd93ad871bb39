"""The part of the database that every poll needs, in memory.

Each process keeps one; notifications from the database keep them alike. A poll with no news costs no query.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cariflex_openadr.domain.model import Event, EventStatus
from cariflex_openadr.domain.party import VenRecord
from cariflex_openadr.domain.reports import Untold
from cariflex_openadr.domain.rules import ordered

Key = tuple[str, int]


@dataclass(slots=True)
class Mirror:
    """Newest modification of each event that is not long over, VENs, and what each VEN has answered."""

    _events: dict[str, Event] = field(default_factory=dict)
    _vens: dict[str, VenRecord] = field(default_factory=dict)
    _certified: dict[str, VenRecord] = field(default_factory=dict)
    _answered: dict[str, set[Key]] = field(default_factory=dict)
    # VEN -> generation at which it had answered everything; news can only come with another generation.
    _settled: dict[str, int] = field(default_factory=dict)
    _generation: int = 0
    _untold: dict[str, Untold] = field(default_factory=dict)

    def load(
        self,
        events: Iterable[Event],
        vens: Iterable[VenRecord],
        answers: Iterable[tuple[str, str, int]],
        untold: Mapping[str, Untold],
    ) -> None:
        """Take the database's state in place of what was known."""
        self._events = {event.event_id: event for event in events}
        self._vens = {ven.ven_id: ven for ven in vens}
        self._certified = {ven.fingerprint: ven for ven in self._vens.values() if ven.fingerprint}
        self._answered = {}
        for ven_id, event_id, modification in answers:
            self._answered.setdefault(ven_id, set()).add((event_id, modification))
        self._untold = dict(untold)
        self._generation += 1

    def put_event(self, event: Event) -> None:
        """Keep ``event`` unless a newer modification is known."""
        known = self._events.get(event.event_id)
        if known is None or known.modification <= event.modification:
            self._events[event.event_id] = event
            self._generation += 1

    def event(self, event_id: str) -> Event | None:
        """Newest modification, None when unknown or long over."""
        return self._events.get(event_id)

    def events(self) -> list[Event]:
        """Newest modification of every event."""
        return list(self._events.values())

    def drop_ended_before(self, moment: datetime) -> None:
        """Forget events that ended before ``moment``, with the answers to them."""
        self._events = {key: event for key, event in self._events.items() if event.end >= moment}
        for ven_id, keys in self._answered.items():
            self._answered[ven_id] = {key for key in keys if key[0] in self._events}
        self._generation += 1

    def put_ven(self, ven: VenRecord) -> None:
        """Keep a VEN."""
        known = self._vens.get(ven.ven_id)
        if known is not None:
            self._certified.pop(known.fingerprint, None)
        self._vens[ven.ven_id] = ven
        if ven.fingerprint:
            self._certified[ven.fingerprint] = ven
        self._settled.pop(ven.ven_id, None)

    def ven(self, ven_id: str) -> VenRecord | None:
        """A VEN by its id."""
        return self._vens.get(ven_id)

    def ven_named(self, ven_name: str) -> VenRecord | None:
        """A VEN by its name."""
        return next((ven for ven in self._vens.values() if ven.ven_name == ven_name), None)

    def ven_certified(self, fingerprint: str) -> VenRecord | None:
        """The VEN of a certificate."""
        return self._certified.get(fingerprint)

    def vens(self) -> list[VenRecord]:
        """All VENs."""
        return list(self._vens.values())

    def put_answers(self, ven_id: str, keys: Iterable[Key]) -> None:
        """Note that a VEN has answered modifications."""
        self._answered.setdefault(ven_id, set()).update(keys)

    def put_untold_reports(self, ven_id: str, untold: Untold | None) -> None:
        """Note what a VEN has not confirmed of its report requests."""
        if untold is None:
            self._untold.pop(ven_id, None)
        else:
            self._untold[ven_id] = untold

    def untold_reports(self, ven_id: str) -> Untold | None:
        """What a VEN has not confirmed of its report requests, None when it has all."""
        return self._untold.get(ven_id)

    def answered(self, ven_id: str, event: Event) -> bool:
        """True when the VEN's answer to this modification is stored."""
        return (event.event_id, event.modification) in self._answered.get(ven_id, ())

    def distribution(self, ven_id: str, now: datetime) -> list[Event]:
        """Events of a distribution, in order: all far or active ones, and cancellations not yet answered."""
        return ordered((event for event in self._events.values() if self._belongs(event, ven_id, now)), now)

    def news(self, ven_id: str, now: datetime) -> Sequence[Event]:
        """The whole distribution while the VEN has left a modification unanswered, else nothing."""
        if self._settled.get(ven_id) == self._generation:
            return ()
        events = self.distribution(ven_id, now)
        if all(self.answered(ven_id, event) for event in events):
            self._settled[ven_id] = self._generation
            return ()
        return events

    def _belongs(self, event: Event, ven_id: str, now: datetime) -> bool:
        if event.end <= now or (event.ven_ids and ven_id not in event.ven_ids):
            return False
        return event.status_at(now) is not EventStatus.CANCELLED or not self.answered(ven_id, event)
