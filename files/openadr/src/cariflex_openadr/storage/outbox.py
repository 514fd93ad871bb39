"""Values on their way to FlexMeasures, each post kept until it was taken or is given up for people to see."""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cariflex_openadr.domain.model import SensorValue
from cariflex_openadr.storage.ven_database import to_moment, to_text, transaction
from cariflex_service.runtime import Clock, utc_now

PENDING, SENT, DEAD = "pending", "sent", "dead"


@dataclass(frozen=True, slots=True)
class Post:
    """Values for consecutive slots of one sensor, in ``unit``; ``poster`` is the user name to post as.

    The key is (sensor_id, start, event_id, modification, change). ``change`` counts what happened to one
    modification here: dropped by the VTN without a word, offered again, made anew. ``resolution`` 0 is an
    instantaneous sensor's single value.
    """

    sensor_id: int
    event_id: str
    modification: int
    unit: str
    resolution: timedelta
    values: tuple[SensorValue, ...]
    belief_time: datetime
    poster: str
    change: int = 0

    def __post_init__(self) -> None:
        if not self.values or (not self.resolution and len(self.values) > 1):
            raise ValueError(
                f"post of {self.event_id} to sensor {self.sensor_id}: {len(self.values)} values at "
                f"resolution {self.resolution}; expected at least one, and no more at resolution 0"
            )

    @property
    def start(self) -> datetime:
        """Start of the first slot."""
        return self.values[0].start

    @property
    def end(self) -> datetime:
        """End of the last slot."""
        return self.values[-1].start + self.resolution


@dataclass(frozen=True, slots=True)
class Entry:
    """A post as the outbox holds it."""

    entry_id: int
    post: Post
    state: str
    attempts: int
    created_at: datetime
    next_attempt: datetime
    sent_at: datetime | None
    error: str


class Outbox:
    """The table ``outbox``."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock = utc_now) -> None:
        self._connection, self._clock = connection, clock

    def put(self, post: Post) -> None:
        """Keep a post for sending; one whose key is known already changes nothing."""
        now = to_text(self._clock())
        self._connection.execute(
            """
            INSERT INTO outbox (sensor_id, start, "end", event_id, modification, change, unit, resolution_s,
                                "values", belief_time, poster, created_at, next_attempt)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (sensor_id, start, event_id, modification, change) DO NOTHING
            """,
            (
                post.sensor_id,
                to_text(post.start),
                to_text(post.end),
                post.event_id,
                post.modification,
                post.change,
                post.unit,
                int(post.resolution.total_seconds()),
                json.dumps([{"start": to_text(item.start), "value": item.value} for item in post.values]),
                to_text(post.belief_time),
                post.poster,
                now,
                now,
            ),
        )

    def due(self, limit: int = 1) -> list[Entry]:
        """Pending posts whose time has come, longest waiting first.

        The posts of one sensor go out in their order: one that waits holds up what came later for its sensor,
        and no other sensor's.
        """
        rows = self._connection.execute(
            """
            SELECT * FROM outbox AS entry WHERE state = :pending AND next_attempt <= :now AND NOT EXISTS (
                SELECT 1 FROM outbox AS older
                WHERE older.sensor_id = entry.sensor_id AND older.state = :pending AND older.id < entry.id)
            ORDER BY next_attempt, id LIMIT :limit
            """,
            {"pending": PENDING, "now": to_text(self._clock()), "limit": limit},
        )
        return [_entry(row) for row in rows]

    def newest_belief(self, event_id: str) -> datetime | None:
        """The latest belief time among the posts of an event."""
        found = self._connection.execute(
            "SELECT MAX(belief_time) FROM outbox WHERE event_id = ?", (event_id,)
        ).fetchone()[0]
        return to_moment(found) if found else None

    def is_believed(self, sensor_id: int, start: datetime, end: datetime, belief_time: datetime) -> bool:
        """True when a post holds this belief time for a slot of the sensor between ``start`` and ``end``."""
        found = self._connection.execute(
            'SELECT 1 FROM outbox WHERE sensor_id = ? AND belief_time = ? AND start < ? AND "end" > ?',
            (sensor_id, to_text(belief_time), to_text(end), to_text(start)),
        ).fetchone()
        return found is not None

    def sent(self, entry_id: int) -> None:
        """FlexMeasures has taken it."""
        self._connection.execute(
            "UPDATE outbox SET state = ?, sent_at = ?, error = '', attempts = attempts + 1 WHERE id = ?",
            (SENT, to_text(self._clock()), entry_id),
        )

    def failed(self, entry_id: int, error: str, next_attempt: datetime) -> None:
        """Not taken this time; try again at ``next_attempt``."""
        self._connection.execute(
            "UPDATE outbox SET error = ?, next_attempt = ?, attempts = attempts + 1 WHERE id = ?",
            (error, to_text(next_attempt), entry_id),
        )

    def dead(self, entry_id: int, error: str) -> None:
        """Never to be taken as it is: left for people to see and to retry."""
        self._connection.execute(
            "UPDATE outbox SET state = ?, error = ?, attempts = attempts + 1 WHERE id = ?",
            (DEAD, error, entry_id),
        )

    def raise_belief(self, entry: Entry) -> Entry | None:
        """Keep a belief time one second later before it is used: a repost is then the same belief.

        What was put in later for the same slots stays later. None when a later post for them was sent already
        at that second: this one is superseded, and done with.
        """
        post = entry.post
        belief = post.belief_time + timedelta(seconds=1)
        overlapping = (entry.entry_id, post.sensor_id, to_text(post.end), to_text(post.start))
        with transaction(self._connection):
            later = self._connection.execute(
                'SELECT * FROM outbox WHERE id > ? AND sensor_id = ? AND start < ? AND "end" > ? ORDER BY id',
                overlapping,
            ).fetchall()
            if any(row["state"] == SENT and to_moment(row["belief_time"]) <= belief for row in later):
                self.sent(entry.entry_id)
                return None
            self._believe(entry.entry_id, belief)
            latest = belief
            for row in (row for row in later if row["state"] != SENT):
                latest = max(to_moment(row["belief_time"]), latest + timedelta(seconds=1))
                self._believe(row["id"], latest)
        return replace(entry, post=replace(post, belief_time=belief))

    def _believe(self, entry_id: int, belief_time: datetime) -> None:
        self._connection.execute(
            "UPDATE outbox SET belief_time = ? WHERE id = ?", (to_text(belief_time), entry_id)
        )

    def retry(self, entry_id: int | None = None, sensor_id: int | None = None) -> int:
        """Make dead posts (one of them, one sensor's) pending again, pending ones due at once; how many."""
        changed = self._connection.execute(
            "UPDATE outbox SET state = ?, next_attempt = ? WHERE state <> ? AND id = COALESCE(?, id) "
            "AND sensor_id = COALESCE(?, sensor_id)",
            (PENDING, to_text(self._clock()), SENT, entry_id, sensor_id),
        )
        return int(changed.rowcount)

    def drop_dead(self, entry_id: int | None = None, sensor_id: int | None = None) -> list[Entry]:
        """Give up dead posts (one of them, one sensor's) for good; those that were given up."""
        rows = self._connection.execute(
            "DELETE FROM outbox WHERE state = ? AND id = COALESCE(?, id) "
            "AND sensor_id = COALESCE(?, sensor_id) RETURNING *",
            (DEAD, entry_id, sensor_id),
        )
        return [_entry(row) for row in rows.fetchall()]

    def check_writable(self) -> None:
        """Take and release the writer's lock. Raises sqlite3.Error when the database cannot be written."""
        with transaction(self._connection):
            self._connection.execute("UPDATE outbox SET attempts = attempts WHERE id = -1")

    def entries(
        self, state: str | None = None, sensor_id: int | None = None, limit: int = 1000
    ) -> list[Entry]:
        """Posts, newest first; ``state`` picks pending, sent or dead ones, ``sensor_id`` one sensor's."""
        rows = self._connection.execute(
            "SELECT * FROM outbox WHERE state = COALESCE(?, state) AND sensor_id = COALESCE(?, sensor_id) "
            "ORDER BY id DESC LIMIT ?",
            (state, sensor_id, limit),
        )
        return [_entry(row) for row in rows]

    def of_event(self, event_id: str) -> list[Entry]:
        """Posts of one event, every modification, oldest first."""
        rows = self._connection.execute("SELECT * FROM outbox WHERE event_id = ? ORDER BY id", (event_id,))
        return [_entry(row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Posts in each state."""
        rows = self._connection.execute("SELECT state, COUNT(*) AS posts FROM outbox GROUP BY state")
        found = {str(row["state"]): int(row["posts"]) for row in rows}
        return {state: found.get(state, 0) for state in (PENDING, SENT, DEAD)}

    def oldest_pending(self) -> datetime | None:
        """When the longest waiting pending post was put in, None when none is pending."""
        found = self._connection.execute(
            "SELECT MIN(created_at) FROM outbox WHERE state = ?", (PENDING,)
        ).fetchone()[0]
        return to_moment(found) if found else None

    def drop_sent_before(self, moment: datetime) -> None:
        """Forget posts that were taken before ``moment`` and whose slots have ended by then."""
        self._connection.execute(
            'DELETE FROM outbox WHERE state = ? AND sent_at < ? AND "end" < ?',
            (SENT, to_text(moment), to_text(moment)),
        )


def _entry(row: sqlite3.Row) -> Entry:
    values = tuple(
        SensorValue(to_moment(item["start"]), float(item["value"])) for item in json.loads(row["values"])
    )
    post = Post(
        sensor_id=row["sensor_id"],
        event_id=row["event_id"],
        modification=row["modification"],
        unit=row["unit"],
        resolution=timedelta(seconds=row["resolution_s"]),
        values=values,
        belief_time=to_moment(row["belief_time"]),
        poster=row["poster"],
        change=row["change"],
    )
    return Entry(
        entry_id=row["id"],
        post=post,
        state=row["state"],
        attempts=row["attempts"],
        created_at=to_moment(row["created_at"]),
        next_attempt=to_moment(row["next_attempt"]),
        sent_at=to_moment(row["sent_at"]) if row["sent_at"] else None,
        error=row["error"],
    )
