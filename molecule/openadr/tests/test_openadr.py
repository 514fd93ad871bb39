"""Asks the VTN and the VEN, and follows an event to the VEN's answer."""

import json
import time

VTN = "http://192.168.240.10:8080/OpenADR2/Simple/2.0b"
PATIENCE_S = 60


def _control(host, container, *words):
    program = container.removeprefix("openadr-") + "ctl"
    return json.loads(host.check_output(f"docker exec {container} {program} {' '.join(words)} --json"))


def _until(look):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def test_the_ven_has_registered_and_polls(host):
    assert _control(host, "openadr-ven", "status")["registered"] is True
    assert host.run("docker exec openadr-ven venctl health").rc == 0


def test_the_ven_opts_in_to_a_new_event(host):
    event = _control(host, "openadr-vtn", "republish-price")

    def answered():
        rows = _control(host, "openadr-ven", "status")["events"]
        wanted = (event["event_id"], event["modification"])
        return [
            row["opt"]
            for row in rows
            if (row["event_id"], row["modification"]) == wanted and row["responded_at"]
        ]

    assert set(_until(answered)) == {"optIn"}


def test_plain_http_is_spoken_on_openadr_internal_only(host):
    connect = "import socket; socket.create_connection(('%s', 8080), 5)"
    dial = "docker exec openadr-ven python3 -c %s"

    assert host.run(dial, connect % "192.168.240.10").rc == 0
    assert "ConnectionRefusedError" in host.run(dial, connect % "192.168.241.20").stderr


def test_a_stranger_is_not_registered(host):
    send = "curl --silent --header 'Content-Type: application/xml' --data-binary %s --output /dev/null "
    send += f"--write-out '%%{{http_code}}' {VTN}/OadrPoll"
    assert host.check_output(send, "<oadrPayload/>") != "200"


def test_both_run_without_rights(host):
    template = "{{json .HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}}"
    found = host.check_output("docker inspect --format %s openadr-vtn openadr-ven", template)
    assert found.splitlines() == ['["ALL"] true 10002:10002', '["ALL"] true 10003:10003']
