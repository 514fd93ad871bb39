"""Asks Traefik itself; no service stands behind it here."""

import json


def _http_code(host, *words):
    command = "curl --silent --show-error --output /dev/null --write-out '%%{http_code}' "
    return host.check_output(command + " ".join(["%s"] * len(words)), *words)


def test_a_known_name_is_routed_and_its_service_is_missing(host):
    for url in ("http://localhost/", "https://localhost/"):
        assert _http_code(host, "--insecure", url) == "502", url


def test_an_unknown_name_reaches_nothing(host):
    assert _http_code(host, "--header", "Host: other.example", "http://localhost/") == "404"


def test_the_certificate_names_every_host_and_is_trusted_when_given(host):
    certificate = "/opt/cariflex/config/traefik/certificates/own.crt"
    assert _http_code(host, "--cacert", certificate, "https://localhost/") == "502"


def test_no_dashboard_and_no_api_answer(host):
    for path in ("/dashboard/", "/api/rawdata", "/api/overview"):
        assert _http_code(host, f"http://localhost{path}") in ("404", "502"), path
        assert _http_code(host, "--header", "Host: 127.0.0.1", f"http://127.0.0.1{path}") == "404", path


def test_it_listens_on_the_loopback_address_only(host):
    bindings = json.loads(
        host.check_output("docker inspect --format '{{json .HostConfig.PortBindings}}' traefik")
    )
    assert {(b["HostIp"], b["HostPort"]) for found in bindings.values() for b in found} == {
        ("127.0.0.1", "80"),
        ("127.0.0.1", "443"),
    }


def test_it_runs_without_rights(host):
    template = "{{json .HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}}"
    assert host.check_output("docker inspect --format %s traefik", template) == '["ALL"] true 65532:65532'
