"""What the CEM sends. Receptions are written by hand: they go out for every message, and may name any id."""

import json
import uuid
from datetime import datetime

from s2python.common import (
    ControlType,
    EnergyManagementRole,
    Handshake,
    HandshakeResponse,
    SelectControlType,
    SessionRequest,
    SessionRequestType,
)
from s2python.frbc import FRBCInstruction
from s2python.version import S2_VERSION

OK, PERMANENT_ERROR = "OK", "PERMANENT_ERROR"


def reception(subject: str, status: str = OK, reason: str = "") -> str:
    """A ReceptionStatus."""
    answer = {"message_type": "ReceptionStatus", "subject_message_id": subject, "status": status}
    if reason:
        answer["diagnostic_label"] = reason
    return json.dumps(answer)


def handshake() -> Handshake:
    """The CEM's side of the handshake."""
    return Handshake(
        message_id=uuid.uuid4(), role=EnergyManagementRole.CEM, supported_protocol_versions=[S2_VERSION]
    )


def handshake_response() -> HandshakeResponse:
    """The only protocol version that this CEM speaks."""
    return HandshakeResponse(message_id=uuid.uuid4(), selected_protocol_version=S2_VERSION)


def select_frbc() -> SelectControlType:
    """Choose Fill Rate Based Control."""
    return SelectControlType(message_id=uuid.uuid4(), control_type=ControlType.FILL_RATE_BASED_CONTROL)


def reconnect_later() -> SessionRequest:
    """Tell that this CEM goes away and will be back."""
    return SessionRequest(
        message_id=uuid.uuid4(), request=SessionRequestType.RECONNECT, diagnostic_label="the CEM restarts"
    )


def instruction(
    instruction_id: uuid.UUID, actuator_id: str, mode_id: str, factor: float, at: datetime
) -> FRBCInstruction:
    """An instruction to carry out at once. A repeated one keeps its id, the message has one of its own."""
    return FRBCInstruction(
        message_id=uuid.uuid4(),
        id=instruction_id,
        actuator_id=uuid.UUID(actuator_id),
        operation_mode=uuid.UUID(mode_id),
        operation_mode_factor=factor,
        execution_time=at,
        abnormal_condition=False,
    )
