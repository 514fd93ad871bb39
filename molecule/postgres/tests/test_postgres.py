"""Asks PostgreSQL itself."""


def _psql(host, *words):
    return host.run("docker exec flexmeasures-db psql -X -qtA " + " ".join(["%s"] * len(words)), *words)


def test_passwords_are_kept_as_scram(host):
    query = "SELECT count(*) FROM pg_authid WHERE rolcanlogin AND rolpassword NOT LIKE 'SCRAM-SHA-256$%%'"
    assert _psql(host, "-U", "postgres", "-c", query.replace("%%", "%")).stdout.strip() == "0"


def test_version_is_17(host):
    assert _psql(host, "-U", "postgres", "-c", "SHOW server_version").stdout.startswith("17.")


def test_each_service_owns_its_database(host):
    query = (
        "SELECT datname, pg_get_userbyid(datdba) FROM pg_database "
        "WHERE datname IN ('flexmeasures', 'openadr') ORDER BY 1"
    )
    assert _psql(host, "-U", "postgres", "-c", query).stdout.split() == [
        "flexmeasures|flexmeasures",
        "openadr|openadr",
    ]


def test_a_password_is_asked_for_over_the_network(host):
    answer = _psql(
        host, "-w", "-h", "192.168.241.12", "-U", "flexmeasures", "-d", "flexmeasures", "-c", "SELECT 1"
    )
    assert answer.rc != 0
    assert "no password supplied" in answer.stderr


def test_one_service_cannot_read_anothers_database(host):
    answer = _psql(
        host, "-U", "postgres", "-c", "SELECT has_database_privilege('openadr', 'flexmeasures', 'CONNECT')"
    )
    assert answer.stdout.strip() == "f"
