"""Events on offer without a VTN: what the VEN's tests are fed from."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cariflex_openadr.domain.model import Event, Interval, Signal, SignalKind
from cariflex_openadr.domain.program import due_events, event_id, local_day
from cariflex_openadr.domain.rules import ordered
from support import TurnableClock
from support.vtn import program


@dataclass
class Offers:
    """The newest modification of each event, changed by hand."""

    clock: TurnableClock
    events: dict[str, Event] = field(default_factory=dict)

    def publish_program(self) -> None:
        """Put the day's program on offer."""
        for event in due_events(program(), self.clock()):
            self.events.setdefault(event.event_id, event)

    def dispatch(
        self, kind: SignalKind, value: float, duration: timedelta, start: datetime | None = None
    ) -> Event:
        """Offer one interval, by default from the next full minute."""
        begin = start or self.clock().replace(second=0, microsecond=0) + timedelta(minutes=1)
        signal = Signal(kind, (Interval(begin, duration, value),))
        name = f"{kind}-{len(self.events)}"
        self.events[name] = Event(
            name, 0, self.clock(), f"http://test/{kind}/dispatch", (signal,), priority=1
        )
        return self.events[name]

    def modify(self, name: str, *, cancelled: bool = False) -> Event:
        """The same event as a new modification."""
        event = self.events[name]
        self.events[name] = replace(
            event, modification=event.modification + 1, created_at=self.clock(), cancelled=cancelled
        )
        return self.events[name]

    def republish_price(self) -> Event:
        """Today's prices as a new modification."""
        today = local_day(self.clock(), program().timezone)
        return self.modify(event_id(SignalKind.PRICE, today))

    def distribution(self) -> list[Event]:
        """All events, in the order of a distribution."""
        return ordered(self.events.values(), self.clock())
