"""Asks PostgreSQL what it runs with, for one connection too many, and to speak without TLS."""

CERTIFICATE = "/etc/postgresql-tls/server.crt"


def _ask(host, query):
    return host.check_output("docker exec flexmeasures-db psql -X -qtA -U postgres -c %s", query).strip()


def test_memory_follows_the_setting(host):
    expected = {
        "shared_buffers": "160MB",
        "effective_cache_size": "480MB",
        "maintenance_work_mem": "64MB",
        "work_mem": "26MB",
        "max_connections": "12",
    }
    assert {name: _ask(host, f"SHOW {name}") for name in expected} == expected


def test_one_connection_too_many_is_refused_and_the_superuser_still_gets_in(host):
    sleep = "psql -X -q -U flexmeasures -d flexmeasures -c 'SELECT pg_sleep(20)' 2>&1"
    sleepers = f"for n in $(seq 12); do {sleep} & done; wait"
    answer = host.check_output("docker exec flexmeasures-db timeout 3 sh -c %s || true", sleepers)
    assert "remaining connection slots are reserved" in answer
    assert _ask(host, "SELECT 1") == "1"


def _log_in(host, words):
    """Over the network, as FlexMeasures does; ``words`` are libpq's."""
    login = "export PGPASSWORD=$(cat /run/secrets/postgres_flexmeasures); psql -X -qtA "
    words = f"user=flexmeasures dbname=flexmeasures {words}"
    query = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    return host.run("docker exec flexmeasures-db sh -c %s", f"{login} '{words}' -c '{query}'")


def test_with_the_certificate_the_server_is_known_and_the_connection_encrypted(host):
    answer = _log_in(host, f"host=flexmeasures-db sslmode=verify-full sslrootcert={CERTIFICATE}")
    assert answer.stdout.strip() == "TLSv1.3"


def test_without_tls_nobody_gets_in(host):
    answer = _log_in(host, "host=flexmeasures-db sslmode=disable")
    assert answer.rc != 0
    assert "no encryption" in answer.stderr


def test_another_name_or_another_certificate_is_refused_by_the_client(host):
    other_name = _log_in(host, f"host=192.168.241.12 sslmode=verify-full sslrootcert={CERTIFICATE}")
    assert "does not match host name" in other_name.stderr

    other = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1"
    host.check_output(f"{other} -subj /CN=flexmeasures-db -keyout /tmp/other.key -out /tmp/other.crt")
    host.check_output("docker exec -i flexmeasures-db sh -c 'cat > /tmp/other.crt' < /tmp/other.crt")
    impostor = _log_in(host, "host=flexmeasures-db sslmode=verify-full sslrootcert=/tmp/other.crt")
    assert "certificate verify failed" in impostor.stderr


def test_the_key_is_closed(host):
    key = host.file("/opt/cariflex/secrets/postgres/tls.key")
    assert (key.uid, key.gid) == (0, 999)
    assert key.mode & 0o027 == 0
