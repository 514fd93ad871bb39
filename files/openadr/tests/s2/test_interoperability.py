"""s2-python's own resource manager classes against our CEM."""

import asyncio
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from s2python.common import (
    Commodity,
    CommodityQuantity,
    Duration,
    InstructionStatus,
    InstructionStatusUpdate,
    PowerMeasurement,
    PowerValue,
    Role,
    RoleType,
)
from s2python.connection import AssetDetails
from s2python.connection.async_ import S2AsyncConnection
from s2python.connection.async_.control_type.class_based import FRBCControlType, ResourceManagerHandler
from s2python.connection.async_.medium.websocket import WebsocketClientMedium
from s2python.connection.types import S2ConnectionEventsAndMessages, SendOkayRunAsync
from s2python.frbc import FRBCInstruction, FRBCStorageStatus, FRBCSystemDescription

from s2.devices import resource
from s2.raw_peer import battery_description, stable_id
from s2.support import VenSide, running, service_settings, token_of

NAME = "battery_01"


class Battery(FRBCControlType):
    """Describes itself when chosen, and keeps what it is told. Every message must get an OK."""

    def __init__(self) -> None:
        self.instructions: asyncio.Queue[FRBCInstruction] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []

    async def activate(self, connection: S2AsyncConnection) -> None:
        self.tasks.append(asyncio.create_task(self._describe(connection)))

    async def _describe(self, connection: S2AsyncConnection) -> None:
        values = [PowerValue(commodity_quantity=CommodityQuantity.ELECTRIC_POWER_L1, value=100.0)]
        now = datetime.now(UTC)
        for message in (
            FRBCSystemDescription.from_dict(battery_description(NAME)),
            FRBCStorageStatus(message_id=uuid.uuid4(), present_fill_level=50.0),
            PowerMeasurement(message_id=uuid.uuid4(), measurement_timestamp=now, values=values),
        ):
            await connection.send_msg_and_await_reception_status(message)

    async def deactivate(self, connection: S2AsyncConnection) -> None:
        del connection

    async def handle_instruction(
        self, connection: S2AsyncConnection, msg: S2ConnectionEventsAndMessages, send_okay: SendOkayRunAsync
    ) -> None:
        assert send_okay is not None
        await send_okay()
        instruction = cast(FRBCInstruction, msg)
        self.tasks.append(asyncio.create_task(self._report(connection, instruction.id)))
        self.instructions.put_nowait(instruction)

    async def _report(self, connection: S2AsyncConnection, instruction_id: uuid.UUID) -> None:
        update = InstructionStatusUpdate(
            message_id=uuid.uuid4(),
            instruction_id=instruction_id,
            status_type=InstructionStatus.STARTED,
            timestamp=datetime.now(UTC),
        )
        await connection.send_msg_and_await_reception_status(update)


def asset_details() -> AssetDetails:
    return AssetDetails(
        resource_id=uuid.UUID(stable_id(NAME, "resource")),
        provides_forecast=False,
        provides_power_measurements=[CommodityQuantity.ELECTRIC_POWER_L1],
        instruction_processing_delay=Duration(root=0),
        roles=[Role(role=RoleType.ENERGY_STORAGE, commodity=Commodity.ELECTRICITY)],
    )


async def test__interoperability__s2_pythons_resource_manager_follows_an_event(
    tmp_path: Path, ven: VenSide
) -> None:
    battery = Battery()
    async with running(service_settings(tmp_path, [resource(1, baseline_w=50_000)])) as service:
        url = f"ws://127.0.0.1:{service.port}/s2/{NAME}"
        async with WebsocketClientMedium(url, bearer_token=token_of(NAME)) as medium:
            connection = S2AsyncConnection(medium)
            ResourceManagerHandler([battery], asset_details()).register_handlers(connection)
            run = asyncio.create_task(connection.run())
            async with asyncio.timeout(5):
                first = await battery.instructions.get()
                ven.promise("x-loadControlCapacity", 0.4)
                second = await battery.instructions.get()
                await asyncio.gather(*battery.tasks)
            known: dict[str, Any] = {i.instruction_id: i for i in service.controller.ledger.recent()}
            await connection.stop()
            await run
    assert str(first.operation_mode) == str(second.operation_mode) == stable_id(NAME, "charge")
    assert second.operation_mode_factor == 0.4
    assert set(known) == {str(first.id), str(second.id)}
