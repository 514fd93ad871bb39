"""The state table and the disk forecast."""

import pytest
from ansible.module_utils.cariflex.doctor import status
from ansible.module_utils.cariflex.doctor.host import Host


@pytest.mark.parametrize(
    ("free", "growth", "days"),
    [(150, 10, 0), (160, 10, 1), (149, 10, 0), (1000, 0, None), (1000, -5, None)],
)
def test_forecast__until_fifteen_percent_are_free(free, growth, days):
    assert status.forecast(free, 1000, growth) == days


def test_containers__missing_unhealthy_and_unknown_ones__are_named():
    rows = [
        "traefik|running|Up 2 days (healthy)|cariflex/traefik:1",
        "openadr-ven|running|Up 3 minutes (unhealthy)|ven:1",
        "openadr-vtn|running|Up 3 seconds (health: starting)|vtn:1",
        "guest|exited|Exited (0) 2 hours ago|guest:1",
    ]
    host = Host(lambda *_words, **_options: (0, "\n".join(rows), ""))

    found = status.containers(host, "dev", ["traefik", "openadr-vtn", "openadr-ven", "flexmeasures-db"])

    assert [(row["name"], row["state"]) for row in found] == [
        ("traefik", "healthy"),
        ("openadr-vtn", "starting"),
        ("openadr-ven", "unhealthy"),
        ("flexmeasures-db", "missing"),
        ("guest", "exited"),
    ]


def test_table__database_down__still_tells_the_containers():
    states = [{"name": "flexmeasures-db", "state": "exited", "since": "-", "image": "x"}]

    lines = status.table(states, "psql: no connection")

    assert "flexmeasures-db" in lines[1]
    assert lines[-1] == "Disk: psql: no connection"
