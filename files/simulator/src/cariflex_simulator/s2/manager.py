"""Keeps one device's session with the CEM up: connects, reconnects with growing patience."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from s2python.connection.async_ import S2AsyncConnection
from s2python.connection.async_.control_type.class_based import ResourceManagerHandler
from s2python.connection.async_.medium.s2_medium import MediumCouldNotConnectError
from s2python.connection.async_.medium.websocket import WebsocketClientMedium

from cariflex_service.runtime import Clock
from cariflex_simulator.domain.device import StorageDevice
from cariflex_simulator.domain.draw import seeded
from cariflex_simulator.domain.fleet import Fleet
from cariflex_simulator.s2.control import FrbcControl
from cariflex_simulator.s2.description import asset_details
from cariflex_simulator.settings import S2

LOGGER = logging.getLogger(__name__)
FIRST_WAIT_S = 1.0
# A session that lived this long was a good one: the next try comes soon.
GOOD_SESSION_S = 30.0


@dataclass(slots=True)
class ResourceManager:
    """One device's S2 resource manager. Instructions outlive a lost CEM by ``settings.hold_s``, then end."""

    device: StorageDevice
    fleet: Fleet
    settings: S2
    token: str
    clock: Clock
    sessions: int = 0
    trouble: str = ""
    control: FrbcControl | None = None
    lost_at: datetime | None = field(init=False)

    def __post_init__(self) -> None:
        self.lost_at = self.clock()

    @property
    def connected(self) -> bool:
        """True while the CEM has selected our control type."""
        return self.control is not None and self.control.active

    async def run(self) -> None:
        """Hold sessions until cancelled."""
        loop, wait_s = asyncio.get_running_loop(), FIRST_WAIT_S
        jitter = seeded(self.device.device_id, "jitter")
        while True:
            begun_s = loop.time()
            try:
                await self._session()
            except MediumCouldNotConnectError as error:
                # Once for each kind of trouble: the tries go on until it passes.
                if str(error) != self.trouble:
                    fields = {"device": self.device.device_id, "reason": str(error)}
                    LOGGER.warning("no session with the CEM", extra=fields)
                self.trouble = str(error)
            finally:
                self._end_session()
            if loop.time() - begun_s > GOOD_SESSION_S:
                wait_s = FIRST_WAIT_S
            # Devices that lost the same CEM must not come back in one burst.
            await asyncio.sleep(wait_s * jitter.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, self.settings.longest_wait_s)

    def expire_hold(self) -> None:
        """Give the device back to its own behaviour when the CEM has been away for too long."""
        if self.connected or self.lost_at is None or not (self.device.active or self.device.pending):
            return
        if self.clock() - self.lost_at >= timedelta(seconds=self.settings.hold_s):
            LOGGER.warning("no CEM for too long: instructions end", extra={"device": self.device.device_id})
            self.device.release()

    async def _session(self) -> None:
        url = f"{self.settings.url}/{self.device.device_id}"
        async with WebsocketClientMedium(url, bearer_token=self.token) as medium:
            connection = S2AsyncConnection(medium)
            self.control = FrbcControl(self.device, self.fleet, self.clock, self.settings.status_interval_s)
            handler = ResourceManagerHandler([self.control], asset_details(self.device))
            handler.register_handlers(connection)
            self.sessions += 1
            LOGGER.info("connected to the CEM", extra={"device": self.device.device_id})
            self.lost_at, self.trouble = None, ""
            await connection.run()
            LOGGER.info("session ended", extra={"device": self.device.device_id})

    def _end_session(self) -> None:
        self.control = None
        if self.lost_at is None:
            self.lost_at = self.clock()
