"""Asks Traefik over TLS for what a real ACME authority (Pebble) signed."""

import time

NAME = "ems.example.test"
CONNECT = f"openssl s_client -connect 172.29.0.2:443 -servername {NAME} </dev/null 2>/dev/null"


def _field(host, option):
    return host.check_output(f"{CONNECT} | openssl x509 -noout {option}")


def _eventually(question, patience_s, told):
    deadline = time.monotonic() + patience_s
    while not question():
        assert time.monotonic() < deadline, told
        time.sleep(0.5)


def _signed(host):
    return host.run(f"{CONNECT} | openssl x509 -noout -issuer").stdout.find("Pebble") > 0


def _is_healthy(host):
    return (
        host.check_output("docker inspect --format '{{.State.Health.Status}}' traefik").strip() == "healthy"
    )


def test_the_certificate_is_the_authority_s_and_for_the_name(host):
    _eventually(lambda: _signed(host), 60, "no certificate from Pebble")
    host.check_output("curl -sk https://127.0.0.1:15000/roots/0 -o /tmp/root.pem")

    # 502 or 504: nothing stands behind the route here; what counts is that curl trusts the chain.
    answer = host.run(
        f"curl -s -o /dev/null -w '%{{http_code}}' --cacert /tmp/root.pem --resolve {NAME}:443:172.29.0.2 https://{NAME}/"
    )

    assert answer.rc == 0
    assert answer.stdout in ("502", "504")


def test_the_storage_is_closed_to_others(host):
    storage = host.file("/opt/cariflex/acme/acme.json")
    assert (storage.mode, storage.uid) == (0o600, 65532)
    assert host.file("/opt/cariflex/acme").mode == 0o700


def test_a_restart_issues_nothing_anew(host):
    _eventually(lambda: _signed(host), 60, "no certificate from Pebble")
    orders = host.check_output("journalctl -u pebble | grep -c 'Issued certificate'")

    host.check_output("docker restart traefik")
    _eventually(lambda: _is_healthy(host), 60, "Traefik did not come back")
    _eventually(lambda: _signed(host), 20, "the stored certificate is not served")

    assert host.check_output("journalctl -u pebble | grep -c 'Issued certificate'") == orders


def test_a_challenge_that_fails_is_told_with_its_name_and_harms_no_other(host):
    routes = "/opt/cariflex/config/traefik/dynamic/broken.yml"
    router = 'rule: "Host(`broken.example.test`)", entryPoints: [websecure], service: flexmeasures'
    content = f"http: {{routers: {{broken: {{{router}, tls: {{certResolver: acme}}}}}}}}"
    host.check_output(f"printf %s '{content}' > {routes}")
    try:
        _eventually(
            lambda: (
                "broken.example.test"
                in host.run("docker logs traefik 2>&1 | grep -i 'unable to obtain'").stdout
            ),
            60,
            "Traefik's log does not name the host",
        )
        assert _signed(host)
    finally:
        host.check_output(f"rm {routes}")


def test_tls_is_mozilla_s_intermediate(host):
    scan = host.check_output(f"sslscan --no-colour --sni-name={NAME} 172.29.0.2:443")
    lines = [line.split() for line in scan.splitlines() if line.startswith(("SSLv", "TLSv"))]
    protocols = {words[0]: words[1] for words in lines if words[1] in ("enabled", "disabled")}

    assert protocols == {
        "SSLv2": "disabled",
        "SSLv3": "disabled",
        "TLSv1.0": "disabled",
        "TLSv1.1": "disabled",
        "TLSv1.2": "enabled",
        "TLSv1.3": "enabled",
    }
    weak = [
        line for line in scan.splitlines() if line.startswith(("Preferred", "Accepted")) and "CBC" in line
    ]
    assert weak == []


def test_http_leads_to_https_and_browsers_are_told_to_stay(host):
    redirect = host.check_output(
        f"curl -s -o /dev/null -w '%{{redirect_url}}' -H 'Host: {NAME}' http://172.29.0.2/x"
    )
    headers = host.check_output(
        f"curl -sk -D - -o /dev/null --resolve {NAME}:443:172.29.0.2 https://{NAME}/"
    ).lower()

    assert redirect == f"https://{NAME}/x"
    assert "strict-transport-security: max-age=63072000" in headers
    assert "x-content-type-options: nosniff" in headers


def test_a_stranger_s_name_gets_no_certificate(host):
    asked = host.run(
        "openssl s_client -connect 172.29.0.2:443 -servername other.example.test </dev/null 2>&1"
    )
    assert "unrecognized name" in asked.stdout


def test_an_oversized_body_is_refused(host):
    answer = host.check_output(
        "head -c 11000000 /dev/zero | curl -sk -o /dev/null -w '%{http_code}' --data-binary @- "
        f"--resolve {NAME}:443:172.29.0.2 https://{NAME}/"
    )
    assert answer == "413"


def test_a_certificate_near_its_end_is_renewed(host):
    """Last: the authority starts anew and hands out certificates of 15 minutes."""
    host.check_output("sed -i 's/7200/900/' /etc/pebble.json && systemctl stop pebble")
    host.check_output(
        "systemd-run --unit=pebble --collect --setenv=PEBBLE_VA_NOSLEEP=1 pebble -config /etc/pebble.json"
    )
    host.check_output("docker stop traefik && rm /opt/cariflex/acme/acme.json && docker start traefik")
    _eventually(lambda: _signed(host), 60, "no certificate from Pebble")
    serial = _field(host, "-serial")

    _eventually(
        lambda: _signed(host) and _field(host, "-serial") != serial, 130, "the certificate was not renewed"
    )
