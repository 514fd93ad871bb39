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


def test_a_stranger_is_not_registered(host):
    send = "curl --silent --header 'Content-Type: application/xml' --data-binary %s --output /dev/null "
    send += f"--write-out '%%{{http_code}}' {VTN}/OadrPoll"
    assert host.check_output(send, "<oadrPayload/>") != "200"


def test_both_run_without_rights(host):
    template = "{{json .HostConfig.CapDrop}} {{.HostConfig.ReadonlyRootfs}} {{.Config.User}}"
    found = host.check_output("docker inspect --format %s openadr-vtn openadr-ven", template)
    assert found.splitlines() == ['["ALL"] true 10002:10002', '["ALL"] true 10003:10003']


# Logs in with the VTN's own password, as a taken-over VTN could.
_AS_THE_VTN = """
import psycopg, sys
password = open("/run/secrets/openadr_db").read().strip()
login = {"host": "flexmeasures-db", "user": "openadr", "password": password}
try:
    with psycopg.connect(**login, dbname=sys.argv[1]) as connection:
        print(connection.execute(sys.argv[2]).fetchone()[0])
except psycopg.Error as error:
    print(type(error).__name__, error)
"""


def _as_the_vtn(host, database, query):
    return host.check_output("docker exec openadr-vtn python3 -c %s %s %s", _AS_THE_VTN, database, query)


def test_the_vtns_login_opens_its_own_database_and_not_flexmeasures(host):
    assert _as_the_vtn(host, "openadr", "SELECT count(*) > 0 FROM newest_event").strip() == "True"

    refused = _as_the_vtn(host, "flexmeasures", "SELECT count(*) FROM fm_user")

    assert 'permission denied for database "flexmeasures"' in refused


def test_the_vtns_login_is_nobody_in_the_cluster(host):
    rights = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
        "FROM pg_roles WHERE rolname = 'openadr'"
    )
    assert _as_the_vtn(host, "openadr", rights).strip() == "False"
    assert "permission denied" in _as_the_vtn(host, "openadr", "SELECT pg_read_file('/etc/passwd')")
    assert "permission denied" in _as_the_vtn(host, "postgres", "SELECT rolpassword FROM pg_authid")


def test_the_dashboards_login_reads_what_it_was_given_and_nothing_else(host):
    def ask(database, query):
        login = "export PGPASSWORD=$(cat /run/secrets/postgres_dashboards); psql -X -qtA -h flexmeasures-db"
        command = f'{login} -U dashboards -d {database} -c "{query}"'
        return host.run("docker exec flexmeasures-db sh -c %s", command)

    assert ask("flexmeasures", "SELECT count(*) > 0 FROM sensor").stdout.strip() == "t"
    for query in (
        "SELECT * FROM fm_user",
        "DELETE FROM timed_belief",
        "UPDATE sensor SET name = name",
        "INSERT INTO generic_asset_type (name) VALUES ('x')",
        "CREATE TABLE public.x (y int)",
        "TRUNCATE timed_belief",
    ):
        assert "permission denied" in ask("flexmeasures", query).stderr, query
    assert "permission denied" in ask("openadr", "DELETE FROM event").stderr
