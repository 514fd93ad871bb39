"""One resource manager's session, without I/O: text comes in, text goes out, the hub hears what it means.

Every message but a ReceptionStatus is answered with a ReceptionStatus before anything that follows from it.
What is malformed, out of range or out of order gets PERMANENT_ERROR with a reason and changes nothing.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from s2python.common import (
    ControlType,
    EnergyManagementRole,
    Handshake,
    InstructionStatusUpdate,
    PowerMeasurement,
    ReceptionStatus,
    ResourceManagerDetails,
    RevokableObjects,
    RevokeObject,
    SessionRequest,
)
from s2python.frbc import (
    FRBCActuatorStatus,
    FRBCFillLevelTargetProfile,
    FRBCInstruction,
    FRBCStorageStatus,
    FRBCSystemDescription,
    FRBCUsageForecast,
)
from s2python.message import S2Message
from s2python.version import S2_VERSION

from cariflex_s2.domain.model import Device, Range, State, Target
from cariflex_s2.messages import describe, outbound
from cariflex_s2.messages.inbound import Received, RefusedError, read_message
from cariflex_s2.resource import Resource

LOGGER = logging.getLogger(__name__)
# A status may lie this share of its range outside of it: self-discharge and meters do not stop at a limit.
SLACK = 0.1
MOST_REFUSALS = 20
ANSWER_WITHIN = timedelta(seconds=10)
CLOCK_SKEW = timedelta(minutes=1)


class Phase(StrEnum):
    """How far a session has come."""

    HANDSHAKE = "handshake"
    DETAILS = "details"
    CONTROL = "control"
    ENDED = "ended"


class SessionEndedError(Exception):
    """The session is over; the message says why."""


class Hub(Protocol):
    """Hears what sessions learn. Calls must return quickly."""

    def device_changed(self, session: "Session") -> None:
        """Description, fill level, targets or usage are new."""

    def filled(self, session: "Session", fill_level_kwh: float, at: datetime) -> None:
        """A fill level was told."""

    def measured(self, session: "Session", power_w: float, at: datetime) -> None:
        """A power was measured."""

    def instruction_answered(self, session: "Session", instruction_id: str, status: str, reason: str) -> None:
        """The resource manager took an instruction, refused it, or told how it went."""


@dataclass(slots=True, eq=False)
class Session:
    """The CEM's side of one connection. ``send`` takes a message's text and must not block."""

    resource: Resource
    send: Callable[[str], None]
    hub: Hub
    clock: Callable[[], datetime]
    phase: Phase = Phase.HANDSHAKE
    since: datetime = field(init=False)
    fill_level_kwh: float | None = None
    targets: tuple[Target, ...] = ()
    usage: FRBCUsageForecast | None = None
    active_mode: str = ""
    power_w: float | None = None
    measured_at: datetime | None = None
    received: int = 0
    refused: int = 0
    last_refusal: str = ""
    _devices: list[tuple[datetime, Device]] = field(default_factory=list)
    _unanswered: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    _refused_in_a_row: int = 0

    def __post_init__(self) -> None:
        self.since = self.clock()

    @property
    def device(self) -> Device | None:
        """The description in force, None without one."""
        now = self.clock()
        return next((device for start, device in reversed(self._devices) if start <= now), None)

    @property
    def state(self) -> State | None:
        """The device's state, None until its fill level is known."""
        if self.fill_level_kwh is None:
            return None
        usage = describe.usage_at(self.usage, self.clock()) if self.usage is not None else 0.0
        return State(self.fill_level_kwh, self.targets, usage)

    def receive(self, text: str | bytes) -> None:
        """Take one message. Raises SessionEndedError when the session is over."""
        self.received += 1
        subject = ""
        try:
            received = read_message(text)
            subject = received.message_id
            if isinstance(received.message, ReceptionStatus):
                self._reception(received.message)
                return
            follow = self._follow(received)
        except RefusedError as error:
            self._refuse(error, subject)
            return
        self._refused_in_a_row = 0
        self.send(outbound.reception(subject))
        follow()

    def instruct(self, message: FRBCInstruction) -> None:
        """Send an instruction and expect its reception within ten seconds."""
        self._unanswered[str(message.message_id)] = (str(message.id), self.clock() + ANSWER_WITHIN)
        self.send(message.to_json())

    def overdue(self) -> bool:
        """Whether the peer has left an instruction without an answer for too long."""
        now = self.clock()
        return any(deadline < now for _, deadline in self._unanswered.values())

    def _refuse(self, error: RefusedError, subject: str) -> None:
        self.refused += 1
        self._refused_in_a_row += 1
        self.last_refusal = str(error)
        LOGGER.warning(
            "message refused", extra={"resource_id": self.resource.resource_id, "reason": str(error)}
        )
        self.send(outbound.reception(subject or error.subject, outbound.PERMANENT_ERROR, str(error)))
        if self.phase is Phase.HANDSHAKE or self._refused_in_a_row >= MOST_REFUSALS:
            self.phase = Phase.ENDED
            raise SessionEndedError(f"message refused: {error}")

    def _follow(self, received: Received) -> Callable[[], None]:
        """Check a message against the session; what to do once its reception is sent. Raises RefusedError."""
        message = received.message
        if isinstance(message, SessionRequest):
            return lambda: self._end(f"{message.request.value} asked by the resource manager")
        if isinstance(message, Handshake):
            return self._handshake(message)
        if isinstance(message, ResourceManagerDetails):
            return self._details(message)
        if self.phase is not Phase.CONTROL:
            expected = "Handshake" if self.phase is Phase.HANDSHAKE else "ResourceManagerDetails"
            raise RefusedError(f"{received.kind} in phase {self.phase}; expected {expected} first")
        return self._control(received.kind, message)

    def _handshake(self, message: Handshake) -> Callable[[], None]:
        if self.phase is not Phase.HANDSHAKE:
            raise RefusedError(f"Handshake in phase {self.phase}; expected it once, at the start")
        if message.role is not EnergyManagementRole.RM:
            raise RefusedError(f"role: {message.role.value}; expected RM")
        if S2_VERSION not in (message.supported_protocol_versions or []):
            found = message.supported_protocol_versions
            raise RefusedError(f"supported_protocol_versions: {found}; expected {S2_VERSION} among them")

        def follow() -> None:
            self.phase = Phase.DETAILS
            self.send(outbound.handshake().to_json())
            self.send(outbound.handshake_response().to_json())

        return follow

    def _details(self, message: ResourceManagerDetails) -> Callable[[], None]:
        if self.phase is Phase.HANDSHAKE:
            raise RefusedError("ResourceManagerDetails before the handshake; expected Handshake first")
        if ControlType.FILL_RATE_BASED_CONTROL not in message.available_control_types:
            found = [item.value for item in message.available_control_types]
            raise RefusedError(
                f"available_control_types: {found}; expected FILL_RATE_BASED_CONTROL among them"
            )

        def follow() -> None:
            if self.phase is Phase.DETAILS:
                self.phase = Phase.CONTROL
                self.send(outbound.select_frbc().to_json())

        return follow

    def _control(self, kind: str, message: S2Message) -> Callable[[], None]:
        if isinstance(message, FRBCSystemDescription):
            return self._described(message)
        if isinstance(message, FRBCStorageStatus):
            return self._filled(message.present_fill_level)
        if isinstance(message, FRBCActuatorStatus):
            return self._actuated(message)
        if isinstance(message, PowerMeasurement):
            return self._measured(message)
        if isinstance(message, FRBCFillLevelTargetProfile):
            targets = describe.targets_of(message)
            return lambda: self._learn(targets=targets)
        if isinstance(message, FRBCUsageForecast):
            return lambda: self._learn(usage=message)
        if isinstance(message, InstructionStatusUpdate):
            identifier, status = str(message.instruction_id), message.status_type.value
            return lambda: self.hub.instruction_answered(self, identifier, status, "")
        if isinstance(message, RevokeObject):
            return self._revoke(message)
        if kind in ("FRBC.LeakageBehaviour", "FRBC.TimerStatus", "PowerForecast"):
            return lambda: None
        raise RefusedError(f"{kind}: not expected from a resource manager under FILL_RATE_BASED_CONTROL")

    def _described(self, message: FRBCSystemDescription) -> Callable[[], None]:
        device = describe.device_of(message)
        start = max(message.valid_from.astimezone(UTC), self.clock()) if self._devices else self.clock()

        def follow() -> None:
            self._devices = [*self._devices[-1:], (start, device)]
            self.hub.device_changed(self)

        return follow

    def _known_device(self, kind: str) -> Device:
        if not self._devices:
            raise RefusedError(f"{kind} before a description; expected FRBC.SystemDescription first")
        return self._devices[-1][1]

    def _filled(self, level: float) -> Callable[[], None]:
        device = self._known_device("FRBC.StorageStatus")
        _check_within("present_fill_level", level, device.fill_level_kwh, "kWh")

        def follow() -> None:
            self.fill_level_kwh = level
            self.hub.filled(self, level, self.clock())
            self.hub.device_changed(self)

        return follow

    def _actuated(self, message: FRBCActuatorStatus) -> Callable[[], None]:
        device = self._known_device("FRBC.ActuatorStatus")
        if str(message.actuator_id) != device.actuator_id:
            raise RefusedError(f"actuator_id: {message.actuator_id}; expected {device.actuator_id}")

        def follow() -> None:
            self.active_mode = str(message.active_operation_mode_id)

        return follow

    def _measured(self, message: PowerMeasurement) -> Callable[[], None]:
        power, at = describe.electric_power_w(message), describe.measured_at(message)
        if power is None:
            return lambda: None
        _check_within("PowerMeasurement", power, self.resource.limits_w, "W")
        if at > self.clock() + CLOCK_SKEW:
            raise RefusedError(f"measurement_timestamp: {at.isoformat()}; expected the past, check the clock")

        def follow() -> None:
            # An older measurement that comes late is answered, and changes nothing.
            if self.measured_at is None or at > self.measured_at:
                self.measured_at, self.power_w = at, power
                self.hub.measured(self, power, at)

        return follow

    def _learn(
        self, targets: tuple[Target, ...] | None = None, usage: FRBCUsageForecast | None = None
    ) -> None:
        self.targets = self.targets if targets is None else targets
        self.usage = self.usage if usage is None else usage
        self.hub.device_changed(self)

    def _revoke(self, message: RevokeObject) -> Callable[[], None]:
        if message.object_type is not RevokableObjects.FRBC_SystemDescription:
            found = message.object_type.value
            raise RefusedError(
                f"object_type: {found}; expected FRBC.SystemDescription, the only one of yours"
            )

        def follow() -> None:
            self._devices = []
            self.hub.device_changed(self)

        return follow

    def _reception(self, message: ReceptionStatus) -> None:
        found = self._unanswered.pop(str(message.subject_message_id), None)
        if found is not None:
            status = "DELIVERED" if message.status.value == outbound.OK else "REFUSED"
            self.hub.instruction_answered(self, found[0], status, message.diagnostic_label or "")

    def _end(self, reason: str) -> None:
        self.phase = Phase.ENDED
        raise SessionEndedError(reason)


def _check_within(name: str, value: float, limits: Range, unit: str) -> None:
    slack = SLACK * (limits.high - limits.low)
    if not limits.low - slack <= value <= limits.high + slack:
        raise RefusedError(
            f"{name}: {value} {unit}; expected {limits.low - slack:g} to {limits.high + slack:g}"
        )
