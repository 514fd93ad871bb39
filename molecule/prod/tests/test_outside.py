"""What somebody outside finds: few doors, good locks, nothing behind them that is not theirs."""

import json

import pytest

CONTAINERS = {
    "traefik",
    "flexmeasures-db",
    "flexmeasures-redis",
    "flexmeasures-server",
    "flexmeasures-worker",
    "smart-city-grafana",
    "openadr-vtn",
    "openadr-ven",
    "cariflex-weather",
}
VTN = "vtn.cariflex.digitribe.fr"
DTD_BOMB = (
    '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;&b;">]>'
    "<oadrPayload>&c;&c;&c;</oadrPayload>"
)
POLL = "/OpenADR2/Simple/2.0b/OadrPoll"


def test_every_container_is_healthy_and_runs_an_image_with_a_digest(machine):
    images = machine.host.check_output(
        "docker ps --quiet | xargs docker inspect --format '{{.Config.Image}}'"
    ).split()

    assert set(machine.states()) >= CONTAINERS
    assert machine.unhealthy() == []
    assert [image for image in images if "@sha256:" not in image] == []


def test_a_sweep_finds_exactly_the_public_ports(outsider):
    assert outsider.open_ports(outsider.machine) == {80, 443}


def test_a_sweep_over_ipv6_finds_no_other_port(outsider, machine):
    addresses = machine.host.check_output("ip -6 -oneline address show scope global").split()
    [address] = [word.split("/")[0] for word in addresses if word.startswith("2001:db8:78:")]

    assert outsider.open_ports("-6", address) <= {80, 443}


def test_the_certificate_comes_from_the_authority(outsider, eventually):
    issuer = eventually(
        lambda: "Pebble" in (found := outsider.certificate("-issuer")) and found,
        120,
        "no certificate from Pebble",
    )
    assert "Pebble Intermediate" in issuer
    assert "DNS:cariflex.digitribe.fr" in outsider.certificate("-ext subjectAltName")


def test_tls_is_mozilla_s_intermediate(outsider):
    scan = outsider.run(
        "sslscan", "--no-colour", "--sni-name=cariflex.digitribe.fr", f"{outsider.machine}:443"
    ).stdout
    lines = [line.split() for line in scan.splitlines() if line.startswith(("SSLv", "TLSv"))]
    enabled = {words[0] for words in lines if words[1] == "enabled"}
    ciphers = [line for line in scan.splitlines() if line.startswith(("Preferred", "Accepted"))]

    assert enabled == {"TLSv1.2", "TLSv1.3"}
    assert ciphers
    assert [
        line for line in ciphers if not any(good in line for good in ("GCM", "CHACHA20", "POLY1305"))
    ] == []


def test_flexmeasures_answers_by_https_only(outsider):
    plain = outsider.run(
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{redirect_url}",
        "-H",
        "Host: cariflex.digitribe.fr",
        f"http://{outsider.machine}/x",
    )

    assert outsider.http("/api/v3_0/health/ready") == (0, "200")
    assert plain.stdout == "https://cariflex.digitribe.fr/x"


def test_an_oversized_body_is_refused(outsider):
    status = outsider.http("/api/v3_0/sensors", "--data-binary", "@-", feed="0" * 11_000_000)
    assert status[1] == "413"


@pytest.mark.parametrize("password", ["admin", "password", "flexmeasures", "changeme", "123456"])
def test_usual_passwords_open_nothing(outsider, password):
    login = json.dumps({"email": "admin@digitribe.fr", "password": password})
    status = outsider.http("/api/requestAuthToken", "--json", "@-", feed=login)
    assert status[1] in ("400", "401", "403")


def test_the_right_password_opens(outsider, machine):
    """Without this the refusals above could have any reason."""
    password = machine.host.check_output("cat /opt/cariflex/secrets/flexmeasures/flexmeasures_admin")
    login = json.dumps({"email": "admin@digitribe.fr", "password": password})
    assert outsider.http("/api/requestAuthToken", "--json", "@-", feed=login) == (0, "200")


def test_a_ven_with_an_unknown_certificate_gets_nothing(outsider):
    made = outsider.run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", "/CN=site-1", "-keyout", "/root/ven.key", "-out", "/root/ven.crt"),
    )
    assert made.returncode == 0, made.stderr
    door = outsider.run(
        "openssl", "s_client", "-connect", f"{outsider.machine}:443", "-servername", VTN, feed=""
    )
    # Without this the refusals below could come from any door.
    assert "s:CN=CARIFLEX_VTN\n" in door.stdout

    for proof in ([], ["--cert", "/root/ven.crt", "--key", "/root/ven.key"]):
        code, status = outsider.http(POLL, "--data-binary", "<oadrPayload/>", *proof, name=VTN)
        assert code != 0
        assert status == "000"


def test_the_vtn_refuses_a_document_type_definition_and_lives_on(machine):
    send = f"curl -s -w ' %%{{http_code}}' -H 'Content-Type: application/xml' --data-binary %s http://192.168.240.10:8080{POLL}"
    answer = machine.host.check_output(send, DTD_BOMB)
    assert "DOCTYPE or ENTITY markup" in answer
    assert answer.endswith(" 400")
    assert machine.host.run("docker exec openadr-vtn vtnctl health").rc == 0


def test_the_certificate_store_and_the_secrets_are_closed(machine):
    storage = machine.host.file("/opt/cariflex/acme/acme.json")
    assert (storage.mode, storage.uid) == (0o600, 65532)
    assert machine.host.check_output("find /opt/cariflex/secrets -type f -perm /007") == ""


def test_the_machine_is_the_one_that_was_swept(outsider, machine):
    assert machine.host.check_output("hostname") == machine.name
    assert outsider.machine in machine.host.check_output("hostname -I").split()
