"""The VTN's use cases: publish the program, take operators' orders, modify, cancel."""

import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cariflex_openadr.domain import orders
from cariflex_openadr.domain import program as programs
from cariflex_openadr.domain.day_file import day_program
from cariflex_openadr.domain.model import Event, SignalKind
from cariflex_openadr.domain.orders import Change, Order
from cariflex_openadr.domain.program import DayProgram
from cariflex_openadr.domain.rules import OverlapError, RuleError, check_event, overlapping
from cariflex_openadr.storage.database import Connection
from cariflex_openadr.storage.events import Editor
from cariflex_openadr.storage.vtn import KEEP_ENDED, VtnStore
from cariflex_service.runtime import Clock, utc_now

LOGGER = logging.getLogger(__name__)
# How long the database keeps what is over.
KEEP_EVENTS = timedelta(days=400)
KEEP_REPORTS = timedelta(days=35)


class UnknownEventError(LookupError):
    """No event has this id."""


@dataclass(slots=True)
class Publisher:
    """Owns every change to the events on offer. Raises RuleError for what may not be offered.

    Several processes may publish at once: ids are deterministic, changes come one after another.
    """

    program: programs.Program
    store: VtnStore
    clock: Clock = utc_now
    problem: str = field(default="", init=False)
    _configured: programs.Program | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._configured = self.program

    async def publish_program(self) -> list[Event]:
        """Have the configured program hold, and put on offer what is due and is not yet. Idempotent.

        Returns the events that are new or changed.
        """
        now = self.clock()
        self.problem = ""
        try:
            fresh = await self._take_configured()
        except RuleError as error:
            # As it was before: nothing of a program that does not fit is taken.
            fresh, self.problem = [], f"program: {error}"
        async with self.store.database.transaction() as connection:
            self.program = await self.store.programs.held(connection) or self.program
            own = await self._days(connection, self.program, now)
        due = programs.due_events(self.program, now, own)
        mirror = self.store.mirror
        for event in due:
            if mirror.event(event.event_id) is not None:
                continue
            try:
                async with self.store.events.changing() as editor:
                    # Another process may have been quicker.
                    if await editor.event(event.event_id) is None:
                        await self._insert(editor, event)
                        fresh.append(event)
            except OverlapError as error:
                # An operator's event of the program's own context; said, because the day lacks an event.
                self.problem = f"program: {error}"
        return fresh

    async def _take_configured(self) -> list[Event]:
        """Once a process: have its own program hold, and what is on offer say what that program says.

        Events whose program is the same as before stay as they are, whatever operators made of them.
        """
        program, now = self._configured, self.clock()
        if program is None:
            return []
        changed: list[Event] = []
        async with self.store.events.changing() as editor:
            held = await self.store.programs.held(editor.connection)
            if held != program:
                today = programs.local_day(now, program.timezone)
                before = await self._days(editor.connection, held or program, now)
                after = await self._days(editor.connection, program, now)
                # Yesterday's windows may reach over midnight.
                for day in (today + timedelta(days=number) for number in (-1, 0, 1)):
                    wanted = programs.day_events(program, after.get(day, program.profile), day, now)
                    old = programs.day_events(held, before.get(day, held.profile), day, now) if held else None
                    for kind in SignalKind:
                        if old is None or not orders.same_content(old.get(kind), wanted.get(kind)):
                            changed += await self._reprogram(editor, kind, day, wanted.get(kind), now)
                await self._put_together(editor, changed)
                await self.store.programs.hold(editor.connection, program, now)
        self._configured = None
        return changed

    async def _days(
        self, connection: Connection, program: programs.Program, now: datetime
    ) -> dict[date, DayProgram]:
        """Programs of single days from yesterday on, in place of the profile."""
        yesterday = programs.local_day(now, program.timezone) - timedelta(days=1)
        found = await self.store.programs.days_from(connection, yesterday)
        return {day: day_program(content, program.profile) for day, content in found.items()}

    async def _reprogram(
        self, editor: Editor, kind: SignalKind, day: date, wanted: Event | None, now: datetime
    ) -> list[Event]:
        """The next modification of a day's event of ``kind``, if it is on and ``wanted`` differs."""
        offered = await editor.event(programs.event_id(kind, day))
        if offered is None or offered.end <= now:
            return []
        if offered.cancelled:
            if wanted is not None and wanted.end > now:
                LOGGER.warning("cancelled event stays cancelled", extra={"event_id": offered.event_id})
            return []
        fresh = orders.reprogrammed(offered, wanted, now)
        return [fresh] if fresh is not offered else []

    async def tidy(self, window: timedelta) -> None:
        """Forget what is over: in memory soon, in the database late; nonces after ``window``."""
        now = self.clock()
        self.store.mirror.drop_ended_before(now - KEEP_ENDED)
        await self.store.events.drop_ended_before(now - KEEP_EVENTS)
        await self.store.reports.drop_values_before(now - KEEP_REPORTS)
        await self.store.answers.drop_nonces_before(now - 2 * window)

    async def dispatch(self, order: Order, *, replace_running: bool = False) -> Event:
        """Offer an operator's event.

        ``replace_running`` cancels operators' events of the same kind that are in the way, in the same
        transaction: never both, never neither.
        """
        now = self.clock()
        unknown = [ven_id for ven_id in order.ven_ids if self.store.mirror.ven(ven_id) is None]
        if unknown:
            raise RuleError(f"ven_ids: {unknown}; expected VENs that were added")
        name = (
            f"{programs.ID_PREFIXES[order.kind]}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        )
        event = orders.new_event(order, name, self.program.market_contexts, now)
        async with self.store.events.changing() as editor:
            if replace_running:
                for other in await self._clashes(editor, event):
                    await self._put(editor, orders.cancelled(other, now))
            await self._insert(editor, event)
        return event

    async def republish_price(self) -> Event:
        """Today's prices once more, unchanged, as a new modification."""
        today = programs.local_day(self.clock(), self.program.timezone)
        return await self.modify(programs.event_id(SignalKind.PRICE, today), Change())

    async def modify(self, event_id: str, change: Change) -> Event:
        """Change an event that is still on: a new modification."""
        async with self.store.events.changing() as editor:
            fresh = orders.modified(await self._known(editor, event_id), change, self.clock())
            self._refuse(fresh, await self._clashes(editor, fresh))
            await self._put(editor, fresh)
        return fresh

    async def cancel(self, event_id: str) -> Event:
        """Cancel an event: a new modification with status cancelled. Cancelling twice changes nothing."""
        async with self.store.events.changing() as editor:
            event = await self._known(editor, event_id)
            fresh = orders.cancelled(event, self.clock())
            if fresh is not event:
                await self._put(editor, fresh)
        return fresh

    async def load_day(self, day: date, content: dict[str, Any]) -> list[Event]:
        """Take a day's own program in place of the profile; what is on offer already is modified.

        Returns the events that changed. Nothing is kept of a program that is refused.
        """
        now = self.clock()
        if day < programs.local_day(now, self.program.timezone):
            raise RuleError(f"day: {day.isoformat()}; expected today or later")
        wanted = programs.day_events(self.program, day_program(content, self.program.profile), day, now)
        for event in wanted.values():
            check_event(event)
        async with self.store.events.changing() as editor:
            changed = [
                event
                for kind in SignalKind
                for event in await self._reprogram(editor, kind, day, wanted.get(kind), now)
            ]
            await self._put_together(editor, changed)
            await self.store.programs.put_day(editor.connection, day, content, now)
        return changed + await self.publish_program()

    async def _put_together(self, editor: Editor, changed: list[Event]) -> None:
        """Changes that belong together: each is held against what the others will be."""
        own = {event.event_id for event in changed}
        for event in changed:
            others = [item for item in await self._clashes(editor, event) if item.event_id not in own]
            self._refuse(event, others + overlapping(event, changed))
        for event in changed:
            await self._put(editor, event)

    async def _known(self, editor: Editor, event_id: str) -> Event:
        event = await editor.event(event_id)
        if event is None:
            raise UnknownEventError(f"event {event_id}: unknown")
        return event

    async def _clashes(self, editor: Editor, event: Event) -> list[Event]:
        if event.cancelled:
            return []
        return overlapping(event, await editor.in_context(event.market_context, event.start, event.end))

    @staticmethod
    def _refuse(event: Event, clashes: list[Event]) -> None:
        if clashes:
            names = ", ".join(other.event_id for other in clashes)
            raise OverlapError(f"event: overlaps {names} in {event.market_context}; expected no overlap")

    async def _insert(self, editor: Editor, event: Event) -> None:
        check_event(event)
        self._refuse(event, await self._clashes(editor, event))
        await self._put(editor, event)

    @staticmethod
    async def _put(editor: Editor, event: Event) -> None:
        await editor.put(event)
        LOGGER.info(
            "event published" if event.modification == 0 else "event modified",
            extra={
                "event_id": event.event_id,
                "modification": event.modification,
                "start": event.start.isoformat(),
                "cancelled": event.cancelled,
            },
        )
