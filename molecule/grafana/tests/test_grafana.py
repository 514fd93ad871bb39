"""Asks the deployment around Grafana: molecule/shared/grafana_stand_in answers for the program."""

import json
import os
from pathlib import Path

import pytest

NAME = "smart-city-grafana"
SITE = "https://grafana.localhost"
CERTIFICATE = "/opt/cariflex/config/traefik/certificates/own.crt"
# Traefik listens on the platform's loopback address; no name server there knows the name.
CURL = f"curl --silent --show-error --cacert {CERTIFICATE} --resolve grafana.localhost:443:127.0.0.1 "


@pytest.fixture
def secrets(host):
    """Folder with a file for each secret of this platform."""
    return Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "build/test-secrets" / host.backend.get_hostname()


@pytest.fixture
def administrator(secrets):
    """The administrator's login as curl takes it."""
    return "admin:" + (secrets / "grafana_admin").read_text().split()[0]


def _ask(host, path, login=""):
    words = CURL + "--write-out ' %%{http_code}' " + ("--user %s %s" if login else "%s")
    answer, _, code = host.check_output(words, *filter(None, [login, SITE + path])).rpartition(" ")
    return int(code), json.loads(answer)


def _inspect(host):
    return json.loads(host.check_output("docker inspect %s", NAME))[0]


def test_it_is_the_stand_in_and_says_so(host):
    assert _inspect(host)["Config"]["Labels"]["fr.cariflex.stand-in"] == "grafana"


def test_it_answers_under_its_domain_with_the_trusted_certificate(host):
    assert _ask(host, "/login") == (200, {"stand_in": "grafana", "forwarded_proto": "https"})


def test_another_domain_does_not_lead_to_it(host):
    other = (
        CURL.replace("grafana.localhost", "other.localhost")
        + "--insecure --output /dev/null --write-out '%%{http_code}' %s"
    )
    assert host.check_output(other, "https://other.localhost/login") == "404"


def test_nobody_gets_in_without_the_generated_password(host, administrator):
    assert _ask(host, "/api/search")[0] == 401
    assert _ask(host, "/api/search", "admin:admin")[0] == 401
    assert _ask(host, "/api/search", administrator)[0] == 200


def test_both_dashboards_are_where_grafana_looks_for_them(host, administrator):
    _, found = _ask(host, "/api/search", administrator)
    assert sorted(board["uid"] for board in found) == ["cariflex-ems", "cariflex-operations"]


@pytest.mark.parametrize("database", ["flexmeasures", "openadr"])
def test_the_provisioned_data_sources_log_in_as_the_reading_role(host, administrator, database):
    answer = _ask(host, f"/api/datasources/uid/cariflex-{database}/health", administrator)
    assert answer == (200, {"status": "OK", "message": f"dashboards/{database}"})


def test_the_panels_ask_provisioned_data_sources_only(host, administrator):
    _, documents = _ask(host, "/api/provisioned", administrator)
    given = {s["uid"] for d in documents.values() for s in (d or {}).get("datasources", [])}
    files = host.check_output("cat /opt/cariflex/config/grafana/dashboards/ems.json")
    asked = {panel["datasource"]["uid"] for panel in json.loads(files)["panels"] if panel.get("datasource")}
    assert asked
    assert asked <= given


def test_configuration_cannot_be_written_and_data_and_logs_can(host):
    mounts = {mount["Destination"]: mount["RW"] for mount in _inspect(host)["Mounts"]}
    assert mounts["/etc/grafana"] is False
    assert mounts["/var/lib/grafana"] is True
    assert mounts["/var/log/grafana"] is True
    assert host.run("docker exec %s touch /etc/grafana/x", NAME).rc != 0
    assert host.run("docker exec %s touch /usr/share/x", NAME).rc != 0
    host.check_output("docker exec %s touch /var/lib/grafana/x /var/log/grafana/x", NAME)


def test_the_log_lies_on_the_host_and_rotates(host):
    assert "stand-in for Grafana" in host.check_output("cat /opt/cariflex/logs/grafana/grafana.log")
    settings = host.check_output("cat /opt/cariflex/config/grafana/grafana.ini")
    for line in (
        "mode = console file",
        "log_rotate = true",
        "daily_rotate = true",
        "max_size_shift = 24",
        "max_days = 7",
    ):
        assert line in settings.splitlines(), line


def test_it_runs_without_rights(host):
    found = _inspect(host)
    assert found["HostConfig"]["CapDrop"] == ["ALL"]
    assert found["HostConfig"]["ReadonlyRootfs"] is True
    assert found["Config"]["User"] == "472:472"
    assert found["HostConfig"]["PortBindings"] in ({}, None)
    assert found["State"]["Health"]["Status"] == "healthy"


def test_its_secrets_are_files_that_only_it_reads(host, secrets):
    listing = host.check_output("stat --format '%a %u %g %n' /opt/cariflex/secrets/grafana/*").splitlines()
    assert {line.split(" ", 3)[3].rpartition("/")[2] for line in listing} == {
        "grafana_admin",
        "grafana_secret_key",
        "grafana_database",
    }
    assert all(line.startswith("440 0 472 ") for line in listing), listing
    shown = host.check_output("docker inspect %s", NAME)
    assert [file.name for file in secrets.iterdir() if file.read_text().split()[0] in shown] == []


def test_the_session_cookie_and_anonymous_access_are_closed(host):
    settings = host.check_output("cat /opt/cariflex/config/grafana/grafana.ini")
    sections = dict(part.split("]\n", 1) for part in settings.split("\n[")[1:])
    assert "enabled = false" in sections["auth.anonymous"]
    assert "cookie_secure = true" in sections["security"]
    assert "cookie_samesite = strict" in sections["security"]
    assert "root_url = https://grafana.localhost/" in sections["server"]
