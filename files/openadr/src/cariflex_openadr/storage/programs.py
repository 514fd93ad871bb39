"""What the VTN offers by itself: the program that holds, and the programs of single days."""

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.types.json import Jsonb

from cariflex_openadr.domain.day_file import day_content, day_program
from cariflex_openadr.domain.model import SignalKind
from cariflex_openadr.domain.program import Program
from cariflex_openadr.storage.database import Connection, Database


@dataclass(slots=True)
class ProgramStore:
    """Tables ``program_profile`` and ``program_day``."""

    database: Database

    async def held(self, connection: Connection) -> Program | None:
        """The program that holds, None before the first one."""
        row = await (await connection.execute("SELECT content FROM program_profile")).fetchone()
        return _program(row["content"]) if row is not None else None

    @staticmethod
    async def hold(connection: Connection, program: Program, now: datetime) -> None:
        """Have ``program`` hold from now on, for every process."""
        await connection.execute(
            "INSERT INTO program_profile (content, applied_at) VALUES (%s, %s) "
            "ON CONFLICT (only_one) DO UPDATE "
            "SET content = excluded.content, applied_at = excluded.applied_at",
            [Jsonb(_content(program)), now],
        )

    async def days_from(self, connection: Connection, day: date) -> dict[date, dict[str, Any]]:
        """The programs of ``day`` and later days; keys that one lacks are the profile's."""
        query = "SELECT day, content FROM program_day WHERE day >= %s"
        rows = await (await connection.execute(query, [day])).fetchall()
        return {row["day"]: row["content"] for row in rows}

    @staticmethod
    async def put_day(connection: Connection, day: date, content: dict[str, Any], now: datetime) -> None:
        """Keep a day's program, in place of an earlier one."""
        await connection.execute(
            "INSERT INTO program_day (day, content, loaded_at) VALUES (%s, %s, %s) "
            "ON CONFLICT (day) DO UPDATE SET content = excluded.content, loaded_at = excluded.loaded_at",
            [day, Jsonb(content), now],
        )


def _content(program: Program) -> dict[str, Any]:
    ahead = program.day_ahead_at
    return {
        "timezone": program.timezone.key,
        "profile": day_content(program.profile),
        "market_contexts": {kind.value: uri for kind, uri in program.market_contexts.items()},
        "day_ahead_at": ahead.isoformat() if ahead is not None else None,
    }


def _program(content: dict[str, Any]) -> Program:
    ahead = content["day_ahead_at"]
    return Program(
        timezone=ZoneInfo(content["timezone"]),
        profile=day_program(content["profile"]),
        market_contexts={SignalKind(kind): uri for kind, uri in content["market_contexts"].items()},
        day_ahead_at=time.fromisoformat(ahead) if ahead is not None else None,
    )
