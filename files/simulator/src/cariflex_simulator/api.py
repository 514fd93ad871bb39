"""The simulator's status and control: HTTP with JSON inside its container; others see metrics only."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from cariflex_service.runtime import iso, metrics_for_others
from cariflex_simulator.domain.device import StorageDevice
from cariflex_simulator.domain.record import balance_error, expected_fill_kwh
from cariflex_simulator.simulation import Simulation

LONGEST_TICK_AGE = timedelta(seconds=30)
PRESENCE = {"home": True, "away": False, "auto": None}
NAMES = {value: name for name, value in PRESENCE.items()}


class StatusApi:
    """Routes: /healthz, /metrics, /devices, /record; PATCH /devices/{id} sets a device by hand."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._registry = CollectorRegistry()
        self._gauges = {
            name: Gauge(f"cariflex_simulator_{name}", text, labels, registry=self._registry)
            for name, text, labels in (
                ("posts_done", "Posts that FlexMeasures took", []),
                ("posts_refused", "Posts that FlexMeasures refused for good", []),
                ("posts_dropped", "Posts dropped because too many waited", []),
                ("post_failures", "Tries that failed", []),
                ("posts_waiting", "Posts that wait", []),
                ("simulated_weather_hours", "Hours without weather from FlexMeasures", []),
                ("s2_connected", "1 while the CEM controls the device", ["device"]),
                ("s2_sessions", "S2 sessions begun", ["device"]),
                ("fill_kwh", "Fill level", ["device"]),
                ("power_kw", "Power, positive when consuming", ["device"]),
                ("balance_error", "Share of the energy that the balance misses", ["device"]),
            )
        }
        self.app = web.Application(middlewares=[metrics_for_others])
        self.app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/metrics", self._metrics),
                web.get("/devices", self._devices),
                web.get("/record", self._record),
                web.patch("/devices/{device_id}", self._set),
            ]
        )

    async def _healthz(self, _: web.Request) -> web.Response:
        simulation = self._simulation
        managers = {manager.device.device_id: manager.connected for manager in simulation.managers}
        problems = []
        if simulation.last_tick is None:
            problems.append("simulation: never ticked; expected a tick a second")
        elif (age := simulation.clock() - simulation.last_tick) > LONGEST_TICK_AGE:
            problems.append(
                f"simulation: ticked {age.total_seconds():.0f} s ago; expected at most "
                f"{LONGEST_TICK_AGE.total_seconds():.0f} s"
            )
        # A CEM that is away is its own trouble: the devices go on without it.
        body = {"status": "failing" if problems else "ok", "problems": problems, "s2_connected": managers}
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, _: web.Request) -> web.Response:
        simulation, gauges = self._simulation, self._gauges
        queue = simulation.queue
        gauges["posts_done"].set(queue.posted)
        gauges["posts_refused"].set(queue.refused)
        gauges["posts_dropped"].set(queue.dropped)
        gauges["post_failures"].set(queue.failures)
        gauges["posts_waiting"].set(len(queue.waiting))
        gauges["simulated_weather_hours"].set(simulation.weather.simulated_hours)
        for manager in simulation.managers:
            name = manager.device.device_id
            gauges["s2_connected"].labels(name).set(manager.connected)
            gauges["s2_sessions"].labels(name).set(manager.sessions)
        for name, device in simulation.fleet.devices.items():
            gauges["fill_kwh"].labels(name).set(device.fill_kwh)
            gauges["power_kw"].labels(name).set(device.power_kw)
            gauges["balance_error"].labels(name).set(
                balance_error(device.record, device.parameters, device.fill_kwh)
            )
        return web.Response(body=generate_latest(self._registry), content_type="text/plain")

    async def _devices(self, _: web.Request) -> web.Response:
        rows = [self._row(device) for device in self._simulation.fleet.devices.values()]
        return web.json_response({"devices": rows})

    async def _record(self, _: web.Request) -> web.Response:
        rows = [_record_row(device) for device in self._simulation.fleet.devices.values()]
        return web.json_response({"at": iso(self._simulation.clock()), "devices": rows})

    async def _set(self, request: web.Request) -> web.Response:
        device = self._simulation.fleet.devices.get(request.match_info["device_id"])
        if device is None:
            known = sorted(self._simulation.fleet.devices)
            return _refusal(404, f"device {request.match_info['device_id']!r}; expected one of {known}")
        try:
            wanted = json.loads(await request.text())
            self._apply(device, wanted)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return _refusal(400, str(error))
        self._simulation.save()
        return web.json_response(self._row(device))

    def _apply(self, device: StorageDevice, wanted: dict[str, Any]) -> None:
        unknown = sorted(wanted.keys() - {"fill_kwh", "presence"})
        if unknown:
            raise ValueError(f"keys {unknown}; expected fill_kwh and presence only")
        presence = wanted.get("presence", NAMES[device.presence])
        if presence not in PRESENCE or (device.trips is None and presence != "auto"):
            allowed = list(PRESENCE) if device.trips else ["auto"]
            raise ValueError(f"presence {presence!r}; expected one of {allowed} for {device.device_id}")
        self._simulation.fleet.live(device, self._simulation.clock())
        if "fill_kwh" in wanted:
            device.adjust(float(wanted["fill_kwh"]))
        device.presence = PRESENCE[presence]

    def _row(self, device: StorageDevice) -> dict[str, Any]:
        managers = {manager.device.device_id: manager for manager in self._simulation.managers}
        manager = managers.get(device.device_id)
        trip = device.next_trip
        return {
            "device_id": device.device_id,
            "at": iso(device.now),
            "fill_kwh": device.fill_kwh,
            "power_kw": device.power_kw,
            "wanted_kw": device.wanted_kw(),
            "max_charge_kw": device.parameters.max_charge_kw,
            "max_discharge_kw": device.parameters.max_discharge_kw,
            "min_fill_kwh": device.parameters.min_fill_kwh,
            "max_fill_kwh": device.parameters.max_fill_kwh,
            "present": device.present,
            "presence": NAMES[device.presence],
            "next_departure": iso(trip.departure) if trip else None,
            "control": "s2" if manager else "plain",
            "s2_connected": manager.connected if manager else None,
            "instruction_id": device.active.instruction_id if device.active else None,
        }


def _record_row(device: StorageDevice) -> dict[str, Any]:
    return {
        "device_id": device.device_id,
        "parameters": asdict(device.parameters),
        "fill_kwh": device.fill_kwh,
        "record": asdict(device.record),
        "expected_fill_kwh": expected_fill_kwh(device.record, device.parameters),
        "balance_error": balance_error(device.record, device.parameters, device.fill_kwh),
    }


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)
