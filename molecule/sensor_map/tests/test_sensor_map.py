"""Compares FlexMeasures' sensors with the map that the services read."""

import json


def _map(host):
    return json.loads(host.check_output("cat /opt/cariflex/config/sensor_map/sensor_map.json"))["sensors"]


def _sql(host, query):
    command = "docker exec flexmeasures-db psql -X -qtA -F '|' -U postgres -d flexmeasures -c %s"
    return host.check_output(command, query).splitlines()


def test_every_sensor_of_the_map_is_in_flexmeasures_as_described(host):
    query = (
        "SELECT s.id, s.name, s.unit, extract(epoch FROM s.event_resolution)::int, a.name "
        "FROM sensor s JOIN generic_asset a ON a.id = s.generic_asset_id"
    )
    expected = {f"{s['id']}|{s['name']}|{s['unit']}|{s['resolution_s']}|{s['asset']}" for s in _map(host)}
    assert set(_sql(host, query)) == expected


def test_the_fixed_ids_are_those_of_the_specification(host):
    ids = {s["id"] for s in _map(host)}
    assert len([found for found in ids if found < 1000]) == 37
    assert {84, 86, 87} <= ids


def test_the_map_spans_files(host):
    assert [s["name"] for s in _map(host) if s["asset"] == "Annex"] == ["annex_power"]


def test_the_next_sensor_gets_a_free_id(host):
    found = _sql(host, "SELECT last_value >= (SELECT max(id) FROM sensor) FROM sensor_id_seq")
    assert found == ["t"]
