"""Asks PostgreSQL what it runs with, and for one connection too many."""


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
