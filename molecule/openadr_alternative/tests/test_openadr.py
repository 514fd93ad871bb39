"""Asks the VTN and the VEN whether the settings reached them, and what they make of the other program."""

import json
import time

PATIENCE_S = 30


def _control(host, container, *words):
    program = container.removeprefix("openadr-") + "ctl"
    return json.loads(host.check_output(f"docker exec {container} {program} {' '.join(words)} --json"))


def test_the_second_ven_has_registered_with_the_other_vtn(host):
    status = _control(host, "openadr-ven", "status")
    assert status["registered"] is True
    assert "OTHER_VTN" in host.check_output("docker exec openadr-vtn cat /etc/cariflex/config.json")
    polled = {ven["ven_id"] for ven in _control(host, "openadr-vtn", "vens")["vens"] if ven["last_poll"]}
    assert polled == {"ven-second"}


def test_only_prices_are_offered_and_they_arrive(host):
    event = _control(host, "openadr-vtn", "republish-price")
    values = [interval["value"] for signal in event["signals"] for interval in signal["intervals"]]
    assert values == [float(n) for n in range(1, 25)]

    deadline = time.monotonic() + PATIENCE_S
    wanted = (event["event_id"], event["modification"])
    opts = []
    while not opts and time.monotonic() < deadline:
        rows = _control(host, "openadr-ven", "status")["events"]
        opts = [row["opt"] for row in rows if (row["event_id"], row["modification"]) == wanted]
    assert set(opts) == {"optIn"}
    kinds = {
        signal["name"]
        for found in _control(host, "openadr-vtn", "events")["events"]
        for signal in found["signals"]
    }
    assert kinds == {"ENERGY_PRICE"}


def test_flexmeasures_and_the_vtn_speak_tls_with_the_database(host):
    query = (
        "SELECT usename, bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
        "WHERE client_addr IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    found = host.check_output("docker exec flexmeasures-db psql -X -qtA -U postgres -c %s", query)
    assert found.split() == ["flexmeasures|t", "openadr|t"]


def test_both_would_refuse_another_server(host):
    """What each was given names the certificate that the server must show."""
    config = json.loads(host.check_output("docker exec openadr-vtn cat /etc/cariflex/config.json"))
    assert config["database"]["ca_file"] == "/etc/cariflex-database/server.crt"
    uri = host.check_output("docker exec flexmeasures-server cat /etc/flexmeasures/.flexmeasures.cfg")
    assert "sslmode=verify-full&sslrootcert=/etc/cariflex-database/server.crt" in uri
