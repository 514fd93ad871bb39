"""Asks Prometheus, Alertmanager and the exporters themselves."""

import json
import os
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROMETHEUS = "http://192.168.241.40:9090"
JOBS = {
    *("prometheus", "alertmanager", "postgres", "redis", "node", "blackbox", "certificate"),
    *("openadr-vtn", "openadr-ven", "s2", "simulator", "weather", "traefik", "grafana"),
}
RECEIVED = "/run/cariflex-test-alerts.jsonl"
DEADLINE_S = 240


def _until(found, seconds=DEADLINE_S):
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(2)
    return answer


def _get(host, path):
    return json.loads(host.check_output("curl --silent --show-error --fail %s", PROMETHEUS + path))["data"]


def _ask(host, query):
    """Values of a query, by all their labels but the usual ones."""
    command = "curl --silent --show-error --fail --get --data-urlencode %s %s"
    answer = host.check_output(command, f"query={query}", f"{PROMETHEUS}/api/v1/query")
    return {
        tuple(sorted(row["metric"].items())): float(row["value"][1])
        for row in json.loads(answer)["data"]["result"]
    }


def _sql(host, query):
    return host.check_output(
        "docker exec flexmeasures-db psql -X -qtA -U postgres -d flexmeasures -c %s", query
    ).strip()


@pytest.fixture(scope="module")
def receiver(host):
    """Alertmanager's receiver on the platform; returns what it got so far."""
    host.check_output("rm -f %s", RECEIVED)
    script = (HERE / "receiver.py").read_text()
    host.check_output("cat >/tmp/receiver.py <<'END'\n" + script + "\nEND\n")
    host.check_output("systemd-run --unit cariflex-test-receiver python3 /tmp/receiver.py 9099 " + RECEIVED)
    yield lambda: [json.loads(line) for line in host.run("cat %s", RECEIVED).stdout.splitlines()]
    host.check_output("systemctl stop cariflex-test-receiver")


def test_every_target_is_up(host):
    def all_up():
        targets = _get(host, "/api/v1/targets?state=active")["activeTargets"]
        return {t["labels"]["job"] for t in targets if t["health"] == "up"} == JOBS

    _until(all_up)


@pytest.mark.parametrize(
    "metric",
    [
        "cariflex_vtn_ven_poll_age_seconds",
        "cariflex_ven_outbox_age_seconds",
        "cariflex_s2_sessions",
        "cariflex_simulator_posts_done_total or cariflex_simulator_posts_done",
        "cariflex_weather_clear_sky",
        "traefik_entrypoint_requests_total",
        "pg_database_size_bytes{datname='flexmeasures'}",
        "redis_keys_count{key='rq:worker:*'} >= 1",
        "node_filesystem_avail_bytes{mountpoint='/disks/docker'}",
        "node_filesystem_avail_bytes{mountpoint='/disks/cariflex'}",
        "probe_ssl_earliest_cert_expiry{domain='localhost'}",
        "cariflex_sensor_patience_seconds{sensor='pv_01_power'} == 900",
        "cariflex_sensor_patience_seconds{sensor='consumption_price'} == 10800",
    ],
)
def test_what_the_rules_and_dashboards_ask_for_is_there(host, metric):
    # Traefik counts from the first request on.
    host.check_output("curl --silent --insecure --output /dev/null https://localhost/")

    assert _until(lambda: _ask(host, metric), 120)


def test_signals_have_no_cadence(host):
    assert _ask(host, "cariflex_sensor_age_seconds{sensor='load_control_signal'}") == {}


def test_the_age_of_a_sensor_is_that_of_its_newest_value(host):
    query = (
        "SELECT extract(epoch FROM now() - max(event_start) - interval '1 hour') FROM timed_belief "
        "JOIN sensor ON sensor.id = sensor_id WHERE sensor.name = 'consumption_price'"
    )
    shown = _until(lambda: _ask(host, "cariflex_sensor_age_seconds{sensor='consumption_price'}"), 120)
    assert abs(next(iter(shown.values())) - float(_sql(host, query))) < 60


def test_the_backup_leaves_its_metric(host):
    host.check_output("/opt/cariflex/backup/cariflex-backup backup")
    newest = _until(lambda: _ask(host, "time() - cariflex_backup_last_success_timestamp_seconds"), 90)
    assert 0 <= next(iter(newest.values())) < 300


def test_the_rules_fire_and_stay_silent_as_they_should(host):
    host.check_output("mkdir -p /tmp/rules")
    content = (HERE / "rules.test.yml").read_text()
    host.check_output("cat >/tmp/rules/rules.test.yml <<'END'\n" + content + "\nEND\n")
    host.check_output("docker cp /tmp/rules/. cariflex-prometheus:/var/lib/prometheus/")
    done = host.run("docker exec cariflex-prometheus promtool test rules /var/lib/prometheus/rules.test.yml")
    assert done.rc == 0, done.stdout + done.stderr


def test_every_rule_has_a_test(host):
    """Also those that this environment leaves out must be named in the test file."""
    groups = _get(host, "/api/v1/rules")["groups"]
    names = {rule["name"] for group in groups for rule in group["rules"]}
    tests = (HERE / "rules.test.yml").read_text()
    assert names
    assert [name for name in names if f"alertname: {name}" not in tests] == []


def test_an_alert_reaches_its_receiver_and_is_resolved(host, receiver):
    def told(status):
        return [
            alert
            for call in receiver()
            for alert in call["alerts"]
            if alert["labels"]["alertname"] == "VenSilent" and alert["status"] == status
        ]

    host.check_output("docker pause openadr-ven")
    try:
        firing = _until(lambda: told("firing"))
    finally:
        host.check_output("docker unpause openadr-ven")
    assert firing[0]["labels"]["severity"] == "critical"
    assert "has not polled for" in firing[0]["annotations"]["summary"]
    _until(lambda: told("resolved"))


def test_the_database_role_sees_no_value(host):
    asked = (
        "docker exec --env PGOPTIONS='-c role=monitoring' flexmeasures-db "
        "psql -X -qtA -U postgres -d flexmeasures -c %s"
    )
    assert host.run(asked, "SELECT count(event_start) FROM timed_belief").rc == 0
    for query in (
        "SELECT event_value FROM timed_belief",
        "SELECT email FROM fm_user",
        "SELECT attributes FROM sensor",
        "DELETE FROM timed_belief",
        "CREATE TABLE x (y int)",
        "SELECT pg_read_file('/etc/passwd')",
    ):
        refused = host.run(asked, query)
        assert refused.rc != 0, query
        assert "permission denied" in refused.stderr, query


def test_the_redis_user_counts_and_reads_nothing(host, secrets):
    password = (secrets / "monitoring_redis").read_text().split()[0]
    client = f"docker exec -e REDISCLI_AUTH={password} flexmeasures-redis redis-cli --user monitoring "
    assert "redis_version" in host.check_output(client + "info server")
    assert host.check_output(client + "llen rq:queue:scheduling").strip().isdigit()
    for words in (
        "keys rq:x",
        "hgetall rq:workers",
        "get x",
        "set rq:x y",
        "flushall",
        "config get requirepass",
    ):
        assert "NOPERM" in host.run(client + words).stdout, words


def test_others_see_metrics_of_the_services_and_nothing_else(host):
    code = "docker exec cariflex-prometheus curl --silent --output /dev/null --write-out '%%{http_code}' %s"
    for place in ("openadr-ven:8081", "openadr-ven:8082", "cariflex-simulator:8081", "cariflex-weather:8081"):
        assert host.check_output(code, f"http://{place}/metrics") == "200", place
        assert host.check_output(code, f"http://{place}/healthz") == "403", place
    assert host.check_output("docker exec openadr-ven venctl health")


def test_all_run_without_rights_and_publish_nothing(host):
    names = host.check_output("docker ps --format '{{.Names}}' --filter label=com.docker.compose.project=%s",
                              "cariflex-monitoring").split()  # fmt: skip
    assert len(names) == 6
    for name in names:
        found = json.loads(host.check_output("docker inspect %s", name))[0]
        assert found["State"]["Health"]["Status"] == "healthy", name
        assert found["HostConfig"]["CapDrop"] == ["ALL"], name
        assert found["HostConfig"]["ReadonlyRootfs"] is True, name
        assert found["Config"]["User"] == "10006:10006", name
        assert not found["HostConfig"]["PortBindings"], name


@pytest.fixture(scope="module")
def secrets(host):
    """Folder with a file for each secret of this platform."""
    return Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "build/test-secrets" / host.backend.get_hostname()


def test_no_secret_is_in_environment_or_arguments(host, secrets):
    shown = host.check_output("docker inspect cariflex-postgres-exporter cariflex-redis-exporter")
    assert [name for name in ("monitoring_db", "monitoring_redis")
            if (secrets / name).read_text().split()[0] in shown] == []  # fmt: skip
