"""Kills, reboots and fills up a whole stack: no value and no event is lost, and each failure is told."""

import json
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.usefixtures("nothing_lost")
SERVICES = [
    *("flexmeasures-db", "flexmeasures-redis", "flexmeasures-server", "flexmeasures-worker"),
    *("openadr-vtn", "openadr-ven", "cariflex-simulator", "cariflex-weather", "traefik"),
]
BACKUPS = "/opt/cariflex/backups"
PROGRAM = "/opt/cariflex/backup/cariflex-backup"
RECOVERY_S = 300
# Database -> what to keep before a fault, and how many of it are gone after.
KEEP = {
    "flexmeasures": (
        "CREATE TABLE drill_before AS "
        "SELECT event_start, belief_horizon, sensor_id, source_id FROM timed_belief",
        "SELECT count(*) FROM (TABLE drill_before EXCEPT "
        "SELECT event_start, belief_horizon, sensor_id, source_id FROM timed_belief) AS gone",
    ),
    "openadr": (
        "CREATE TABLE drill_before AS SELECT event_id, modification FROM newest_event",
        "SELECT count(*) FROM (TABLE drill_before EXCEPT "
        "SELECT event_id, modification FROM newest_event) AS gone",
    ),
}
ARRIVED = """
SELECT event_value FROM timed_belief JOIN sensor ON sensor.id = sensor_id
WHERE sensor.name = 'load_control_signal' AND event_start = :'start' ORDER BY belief_horizon LIMIT 1
"""


PSQL = "docker exec -i flexmeasures-db psql -X -qtA -v ON_ERROR_STOP=1 -U postgres "


def _sql(host, database, statement, **variables):
    words = [f"--set={name}={value}" for name, value in variables.items()]
    command = "printf %%s %s | " + PSQL + "-d %s" + " %s" * len(words)
    return host.check_output(command, statement, database, *words).strip()


def _until(found, what, seconds=RECOVERY_S):
    deadline = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(1)
    return answer


def _healthy(host):
    names = host.run("docker ps --filter health=healthy --format '{{.Names}}'").stdout.split()
    return set(SERVICES) <= set(names)


@pytest.fixture
def nothing_lost(host):
    """What is stored before a fault is stored after it."""
    for database, (keep, _) in KEEP.items():
        _sql(host, database, "DROP TABLE IF EXISTS drill_before; " + keep)
    yield
    _until(lambda: _healthy(host), "all services are healthy again")
    for database, (_, gone) in KEEP.items():
        assert int(_sql(host, database, "SELECT count(*) FROM drill_before")) > 0
        assert _sql(host, database, gone) == "0", f"{database}: rows are gone"


@pytest.fixture
def event(host, request):
    """Publish a real event, a day ahead and an hour long; each test has a time of its own."""
    number = getattr(request, "param", 40)
    start = (datetime.now(UTC) + timedelta(hours=30)).replace(hour=0, minute=0, second=0, microsecond=0)
    start += timedelta(minutes=10 * number)
    words = (
        f"vtnctl load-control --capacity 0.{50 + number} --duration 300 --start {start.isoformat()} --json"
    )
    answer = json.loads(host.check_output(f"docker exec openadr-vtn {words}"))
    return answer["event_id"], start, 50 + number


def _arrived(host, event):
    """The event's value, in FlexMeasures' own table."""
    _, start, percent = event
    words = PSQL + "-d flexmeasures --set=start=%s"
    value = host.run("printf %%s %s | " + words, ARRIVED, start.isoformat()).stdout.strip()
    return value and float(value) == pytest.approx(percent)


@pytest.mark.parametrize(
    ("service", "event"), [(name, n) for n, name in enumerate(SERVICES)], indirect=["event"]
)
def test_kill_9__the_service_comes_back_and_the_event_arrives(host, event, service):
    format_ = "{{.State.Pid}} {{.RestartCount}}"
    pid, restarts = host.check_output("docker inspect --format %s %s", format_, service).split()

    # Not `docker kill`: the engine would take that for the operator's wish, and leave the service down.
    host.check_output("kill -9 %s", pid)

    def again():
        found = host.run("docker inspect --format %s %s", format_, service).stdout.split()
        return found and found[0] not in ("0", pid) and int(found[1]) == int(restarts) + 1

    _until(again, f"{service} is started again")
    _until(lambda: _healthy(host), f"{service} is healthy again")
    _until(lambda: _arrived(host, event), "the event that was under way arrives")


def _archives(host):
    return host.check_output(f"find {BACKUPS} -name '*.tar.gz' -exec sha256sum {{}} +").splitlines()


def _failed(host):
    return "cariflex_backup_last_run_failed 1" in host.check_output("cat /opt/cariflex/metrics/backup.prom")


@pytest.fixture
def good_archive(host):
    """One archive that was made in peace."""
    host.check_output(PROGRAM + " backup")
    return _archives(host)


def test_backup__disk_full__keeps_the_last_good_one_and_says_so(host, good_archive):
    newest = sorted(line.split()[1] for line in good_archive)[-1]
    host.check_output("cp %s /tmp/good.tar.gz", newest)
    size = int(host.check_output("stat --format %s /tmp/good.tar.gz"))
    host.check_output(f"mount -t tmpfs -o size={size + 100_000} tmpfs {BACKUPS}")
    try:
        host.check_output("cp --preserve=mode /tmp/good.tar.gz %s", newest)
        before = _archives(host)

        failed = host.run(PROGRAM + " backup")

        assert failed.rc != 0
        # It looks before it begins; a disk that fills up in its middle is a test of the container tier.
        assert "bytes free, expected" in failed.stderr, failed.stderr
        assert _archives(host) == before
        assert host.check_output(f"ls -A {BACKUPS}").split() == [".lock", newest.rpartition("/")[2]]
        assert _failed(host)
    finally:
        host.check_output("umount %s", BACKUPS)
    assert host.run(PROGRAM + " backup").rc == 0
    assert not _failed(host)


def test_backup__killed__leaves_no_half_archive_and_the_next_one_succeeds(host, good_archive):
    lock = "BEGIN; LOCK TABLE timed_belief IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)"
    host.check_output(
        "systemd-run --unit drill-lock docker exec flexmeasures-db psql -U postgres -d flexmeasures -c %s",
        lock,
    )
    waits = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE application_name = 'pg_dump' AND wait_event_type = 'Lock'"
    )
    held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
    try:
        _until(lambda: _sql(host, "flexmeasures", held) != "0", "the table is locked", 30)
        host.check_output("systemd-run --unit drill-backup " + PROGRAM + " backup")
        _until(lambda: _sql(host, "flexmeasures", waits) != "0", "the backup is in its middle", 120)
        host.check_output("systemctl kill --signal=KILL drill-backup")
    finally:
        _sql(
            host,
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'",
        )
        host.run("systemctl stop drill-lock drill-backup")

    assert _archives(host) == good_archive
    assert host.run(PROGRAM + " backup").rc == 0
    assert len(_archives(host)) == len(good_archive) + 1
    assert ".staging" not in host.check_output(f"ls -A {BACKUPS}").split()


def test_reboot__everything_comes_back_by_itself(host, event):
    platform = host.backend.get_hostname()
    subprocess.run(["docker", "restart", "--time", "90", platform], check=True, capture_output=True)

    def up():
        return host.run("systemctl is-active docker").stdout.strip() == "active" and _healthy(host)

    _until(up, "the machine is back with all services")
    _until(lambda: _arrived(host, event), "the event that was under way arrives")
