"""A resource manager written from S2's message tables alone: JSON over a websocket, without s2-python."""

import asyncio
import contextlib
import json
import uuid
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

KWH_S_PER_W = 1 / 3.6e6
ANSWER_WITHIN_S = 5.0


def new_id() -> str:
    return str(uuid.uuid4())


def now_text() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def battery_description(
    name: str, power_w: float = 50_000, low: float = 10, high: float = 95
) -> dict[str, Any]:
    """FRBC.SystemDescription of a battery with modes idle, charge and discharge."""
    modes = {
        "idle": (0.0, 0.0, 0.0, 0.0),
        "charge": (0.0, power_w, 0.0, power_w * 0.95 * KWH_S_PER_W),
        "discharge": (-power_w, 0.0, -power_w / 0.95 * KWH_S_PER_W, 0.0),
    }
    return {
        "message_type": "FRBC.SystemDescription",
        "message_id": new_id(),
        "valid_from": now_text(),
        "actuators": [
            {
                "id": stable_id(name, "actuator"),
                "supported_commodities": ["ELECTRICITY"],
                "transitions": [],
                "timers": [],
                "operation_modes": [
                    {
                        "id": stable_id(name, mode),
                        "abnormal_condition_only": False,
                        "elements": [
                            {
                                "fill_level_range": _range(low, high),
                                "fill_rate": _range(rate_low, rate_high),
                                "power_ranges": [
                                    {**_range(p_low, p_high), "commodity_quantity": "ELECTRIC.POWER.L1"}
                                ],
                            }
                        ],
                    }
                    for mode, (p_low, p_high, rate_low, rate_high) in modes.items()
                ],
            }
        ],
        "storage": {
            "provides_leakage_behaviour": False,
            "provides_fill_level_target_profile": True,
            "provides_usage_forecast": True,
            "fill_level_range": _range(low, high),
        },
    }


def stable_id(name: str, part: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{name}/{part}"))


def _range(low: float, high: float) -> dict[str, float]:
    return {"start_of_range": low, "end_of_range": high}


class RawPeer:
    """Speaks S2 in dicts. Instructions that come are acknowledged at once, unless ``deaf``."""

    def __init__(self, port: int, name: str, token: str, power_w: float = 50_000) -> None:
        self.name, self.power_w, self.deaf = name, power_w, False
        self.instructions: list[dict[str, Any]] = []
        self.received: list[dict[str, Any]] = []
        self._url = f"ws://127.0.0.1:{port}/s2/{name}"
        self._token = token
        self._answers: dict[str, dict[str, Any]] = {}
        self._news = asyncio.Condition()
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._url, additional_headers={"Authorization": f"Bearer {self._token}"}, compression=None
        )
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await self._reader

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(Exception):
            async for text in socket:
                await self._take(json.loads(text))
        self.closed.set()

    async def _take(self, message: dict[str, Any]) -> None:
        async with self._news:
            self.received.append(message)
            if message["message_type"] == "ReceptionStatus":
                self._answers[message["subject_message_id"]] = message
            elif not self.deaf:
                await self.say(
                    {
                        "message_type": "ReceptionStatus",
                        "subject_message_id": message["message_id"],
                        "status": "OK",
                    }
                )
            if message["message_type"] == "FRBC.Instruction":
                self.instructions.append(message)
            self._news.notify_all()

    async def say(self, message: dict[str, Any] | str) -> None:
        """Send without waiting."""
        assert self._socket is not None
        await self._socket.send(message if isinstance(message, str) else json.dumps(message))

    async def tell(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send, and return the ReceptionStatus."""
        await self.say(message)
        return await self.answer(message["message_id"])

    async def answer(self, subject: str) -> dict[str, Any]:
        """The ReceptionStatus for a message."""
        await self.until(lambda: subject in self._answers)
        return self._answers.pop(subject)

    async def until(self, condition: Any, within_s: float = ANSWER_WITHIN_S) -> None:
        """Wait for what incoming messages bring."""
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(condition)

    def message(self, kind: str, **fields: Any) -> dict[str, Any]:
        """A message with an id of its own."""
        return {"message_type": kind, "message_id": new_id(), **fields}

    def handshake(self, **fields: Any) -> dict[str, Any]:
        return self.message(
            "Handshake", **{"role": "RM", "supported_protocol_versions": ["0.0.2-beta"], **fields}
        )

    def details(self, **fields: Any) -> dict[str, Any]:
        basic = {
            "resource_id": stable_id(self.name, "resource"),
            "roles": [{"role": "ENERGY_STORAGE", "commodity": "ELECTRICITY"}],
            "instruction_processing_delay": 0,
            "available_control_types": ["FILL_RATE_BASED_CONTROL"],
            "provides_forecast": False,
            "provides_power_measurement_types": ["ELECTRIC.POWER.L1"],
        }
        return self.message("ResourceManagerDetails", **{**basic, **fields})

    def fill_level(self, kwh: float) -> dict[str, Any]:
        return self.message("FRBC.StorageStatus", present_fill_level=kwh)

    def measurement(self, power_w: float) -> dict[str, Any]:
        value = {"commodity_quantity": "ELECTRIC.POWER.L1", "value": power_w}
        return self.message("PowerMeasurement", measurement_timestamp=now_text(), values=[value])

    async def introduce(self) -> None:
        """Handshake and details, until the CEM has chosen the control type."""
        assert (await self.tell(self.handshake()))["status"] == "OK"
        await self.until(lambda: any(m["message_type"] == "HandshakeResponse" for m in self.received))
        assert (await self.tell(self.details()))["status"] == "OK"
        await self.until(lambda: any(m["message_type"] == "SelectControlType" for m in self.received))

    async def join(self, fill_kwh: float = 50) -> None:
        """Everything up to the first instruction."""
        await self.introduce()
        assert (await self.tell(battery_description(self.name, self.power_w)))["status"] == "OK"
        assert (await self.tell(self.fill_level(fill_kwh)))["status"] == "OK"
        await self.until(lambda: bool(self.instructions))

    def power_of(self, instruction: dict[str, Any]) -> float:
        """The power in W that an instruction of this battery asks for."""
        factor = instruction["operation_mode_factor"]
        if instruction["operation_mode"] == stable_id(self.name, "charge"):
            return float(factor * self.power_w)
        if instruction["operation_mode"] == stable_id(self.name, "discharge"):
            return float((factor - 1) * self.power_w)
        return 0.0

    @property
    def power_now(self) -> float:
        """What the last instruction asks for."""
        return self.power_of(self.instructions[-1])
