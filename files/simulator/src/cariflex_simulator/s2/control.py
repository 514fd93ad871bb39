"""Fill Rate Based Control of one device: takes instructions, reports what became of them."""

import asyncio
import logging
import math
import uuid
from typing import cast

from s2python.common import (
    InstructionStatus,
    InstructionStatusUpdate,
    PowerMeasurement,
    PowerValue,
    RevokableObjects,
    RevokeObject,
    SessionRequest,
)
from s2python.connection.async_ import S2AsyncConnection
from s2python.connection.async_.control_type.class_based import FRBCControlType
from s2python.connection.async_.medium.s2_medium import MediumClosedConnectionError
from s2python.connection.errors import CouldNotReceiveStatusReceptionError, PermanentConnectionError
from s2python.connection.types import S2ConnectionEventsAndMessages, SendOkayRunAsync
from s2python.frbc import FRBCActuatorStatus, FRBCInstruction, FRBCStorageStatus
from s2python.message import S2MessageWithID

from cariflex_service.runtime import Clock
from cariflex_simulator.domain.device import Command, StorageDevice
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.s2 import description
from cariflex_simulator.s2.description import POWER, W_PER_KW, mode_of, mode_ranges, stable_id

LOGGER = logging.getLogger(__name__)
# How often the device is looked at; what the CEM sees at least every status interval is seen this fresh.
LOOK_S = 1.0


# No answer in time, a refusal (a bare RuntimeError, says the library), or a connection that is gone.
_SESSION_TROUBLE = (
    TimeoutError,
    RuntimeError,
    PermanentConnectionError,
    CouldNotReceiveStatusReceptionError,
    MediumClosedConnectionError,
)


class InstructionRefusedError(ValueError):
    """The device cannot do this; the message names the field, its value and what was expected."""


class FrbcControl(FRBCControlType):
    """One session's control of a device. Messages are sent from a task of its own, never from handlers."""

    def __init__(self, device: StorageDevice, fleet: Fleet, clock: Clock, status_interval_s: float) -> None:
        self._device, self._fleet, self._clock = device, fleet, clock
        self._status_interval_s = status_interval_s
        self._outgoing: list[S2MessageWithID] = []
        self._wake = asyncio.Event()
        self._reporter: asyncio.Task[None] | None = None
        self._described_present: bool | None = None
        self._reported: Command | None = None
        self._next_status_s = 0.0
        self.active = False

    def register_handlers(self, connection: S2AsyncConnection) -> None:
        """Instructions, and what would otherwise stay without a ReceptionStatus."""
        super().register_handlers(connection)
        connection.register_handler(RevokeObject, self._handle_revoke)
        connection.register_handler(SessionRequest, self._handle_session_request)

    async def activate(self, connection: S2AsyncConnection) -> None:
        """Describe the device and begin to report."""
        self.active = True
        self._reporter = asyncio.create_task(self._report(connection))

    async def deactivate(self, connection: S2AsyncConnection) -> None:
        """Stop reporting."""
        del connection
        self.active = False
        if self._reporter:
            self._reporter.cancel()
            await asyncio.gather(self._reporter, return_exceptions=True)

    async def handle_instruction(
        self,
        connection: S2AsyncConnection,
        msg: S2ConnectionEventsAndMessages,
        send_okay: SendOkayRunAsync,
    ) -> None:
        """Take an instruction, or say why not. The same instruction again changes nothing."""
        del connection
        await _acknowledge(send_okay)
        instruction = cast(FRBCInstruction, msg)
        try:
            command = self._command(instruction)
        except InstructionRefusedError as error:
            LOGGER.warning(
                "instruction refused", extra={"device": self._device.device_id, "reason": str(error)}
            )
            self._tell(instruction.id, InstructionStatus.REJECTED)
            return
        self._tell(instruction.id, InstructionStatus.ACCEPTED)
        known = [self._device.active, *self._device.pending]
        if command.instruction_id not in {item.instruction_id for item in known if item}:
            self._fleet.live(self._device, self._clock())
            self._device.command(command)
        self._wake.set()

    def _command(self, instruction: FRBCInstruction) -> Command:
        name, modes = self._device.device_id, mode_ranges(self._device)
        if instruction.actuator_id != stable_id(name, "actuator"):
            raise InstructionRefusedError(
                f"actuator_id {instruction.actuator_id}; expected {name}'s actuator"
            )
        by_id = {stable_id(name, mode): span for mode, span in modes.items()}
        if instruction.operation_mode not in by_id:
            raise InstructionRefusedError(
                f"operation_mode {instruction.operation_mode}; expected one of {sorted(modes)}"
            )
        factor = instruction.operation_mode_factor
        if not (math.isfinite(factor) and 0 <= factor <= 1):
            raise InstructionRefusedError(f"operation_mode_factor {factor}; expected 0 to 1")
        power_kw = by_id[instruction.operation_mode].power_kw(factor)
        return Command(instruction.execution_time, power_kw, str(instruction.id))

    async def _handle_revoke(
        self, _: S2AsyncConnection, msg: S2ConnectionEventsAndMessages, send_okay: SendOkayRunAsync
    ) -> None:
        await _acknowledge(send_okay)
        revoked = cast(RevokeObject, msg)
        if revoked.object_type != RevokableObjects.FRBC_Instruction:
            return
        self._fleet.live(self._device, self._clock())
        if self._device.revoke(str(revoked.object_id)):
            self._tell(revoked.object_id, InstructionStatus.REVOKED)

    async def _handle_session_request(
        self, connection: S2AsyncConnection, msg: S2ConnectionEventsAndMessages, send_okay: SendOkayRunAsync
    ) -> None:
        await _acknowledge(send_okay)
        LOGGER.info(
            "session ends at the CEM's request", extra={"request": cast(SessionRequest, msg).request.value}
        )
        await connection.stop()

    async def _report(self, connection: S2AsyncConnection) -> None:
        """Tell the CEM what it must know, until cancelled; a session that cannot be told anything ends."""
        try:
            while True:
                self._wake.clear()
                for message in self._due_messages():
                    await connection.send_msg_and_await_reception_status(message)
                await self._pause()
        except _SESSION_TROUBLE as error:
            reason = str(error) or type(error).__name__
            LOGGER.warning("session given up", extra={"device": self._device.device_id, "reason": reason})
        finally:
            await connection.stop()

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), LOOK_S)
        except TimeoutError:
            return

    def _due_messages(self) -> list[S2MessageWithID]:
        device, now = self._device, self._clock()
        self._fleet.live(device, now)
        due: list[S2MessageWithID] = []
        described = device.present != self._described_present
        if described:
            self._described_present = device.present
            due.append(description.system_description(device, now))
            if device.parameters.self_discharge_per_h > 0:
                due.append(description.leakage_behaviour(device, now))
            if trip := device.next_trip:
                due.append(description.usage_forecast(trip, now))
                due.append(description.fill_level_target(device, trip, now))
        due += self._take_outgoing()
        changed = device.active != self._reported
        if changed:
            due += self._instruction_changes()
        loop_s = asyncio.get_running_loop().time()
        if described or changed or loop_s >= self._next_status_s:
            self._next_status_s = loop_s + self._status_interval_s
            due += self._status()
        return due

    def _take_outgoing(self) -> list[S2MessageWithID]:
        taken, self._outgoing = self._outgoing, []
        return taken

    def _instruction_changes(self) -> list[S2MessageWithID]:
        before, now_active = self._reported, self._device.active
        self._reported = now_active
        if now_active:
            if before:
                self._tell(uuid.UUID(before.instruction_id), InstructionStatus.SUCCEEDED)
            self._tell(uuid.UUID(now_active.instruction_id), InstructionStatus.STARTED)
        return self._take_outgoing()

    def _status(self) -> list[S2MessageWithID]:
        device, now = self._device, self._clock()
        wanted_kw = device.wanted_kw()
        mode = mode_of(wanted_kw)
        return [
            FRBCStorageStatus(message_id=uuid.uuid4(), present_fill_level=device.fill_kwh),
            FRBCActuatorStatus(
                message_id=uuid.uuid4(),
                actuator_id=stable_id(device.device_id, "actuator"),
                active_operation_mode_id=stable_id(device.device_id, mode),
                operation_mode_factor=mode_ranges(device)[mode].factor(wanted_kw),
            ),
            PowerMeasurement(
                message_id=uuid.uuid4(),
                measurement_timestamp=now,
                values=[PowerValue(commodity_quantity=POWER, value=device.power_kw * W_PER_KW)],
            ),
        ]

    def _tell(self, instruction_id: uuid.UUID, status: InstructionStatus) -> None:
        self._outgoing.append(
            InstructionStatusUpdate(
                message_id=uuid.uuid4(),
                instruction_id=instruction_id,
                status_type=status,
                timestamp=self._clock(),
            )
        )
        self._wake.set()


async def _acknowledge(send_okay: SendOkayRunAsync) -> None:
    # The library passes it with every message; only connection events come without.
    if send_okay is not None:
        await send_okay()
