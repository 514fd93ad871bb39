"""Asks systemd about the timers, and the installed program about itself."""

PROGRAM = "/opt/cariflex/backup/cariflex-backup"
TIMERS = {
    "backup": "*-*-* 02:15:00 UTC",
    "restore-drill": "Sun *-*-* 03:30:00 UTC",
    "retention": "Sun *-*-* 04:15:00 UTC",
}


def test_the_timers_run_at_the_wanted_times(host):
    for name, when in TIMERS.items():
        timer = f"cariflex-{name}.timer"
        assert host.check_output("systemctl is-active %s", timer) == "active"
        assert host.check_output("systemctl is-enabled %s", timer) == "enabled"
        assert host.check_output("systemctl show --property=Persistent --value %s", timer) == "yes"
        calendar = host.check_output("systemctl show --property=TimersCalendar --value %s", timer)
        assert f"OnCalendar={when} " in calendar


def test_the_service_fails_loudly_without_a_database(host):
    host.run("systemctl start cariflex-backup.service")
    state = "systemctl show --property=Result --value cariflex-backup.service"
    assert host.check_output(state) == "exit-code"
    log = host.check_output("journalctl --unit cariflex-backup.service --output cat")
    assert "cariflex-backup: container flexmeasures-db, database flexmeasures" in log
    metrics = host.file("/opt/cariflex/metrics/backup.prom").content_string
    assert "cariflex_backup_last_run_failed 1" in metrics
    assert "last_success" not in metrics


def test_no_half_archive_is_left(host):
    assert host.check_output("ls -A /opt/cariflex/backups") == ".lock"
    assert host.file("/opt/cariflex/backups").mode == 0o700


def test_the_program_lists_archives_and_names_a_missing_one(host):
    assert host.check_output("%s list", PROGRAM) == ""
    missing = host.run("%s check latest", PROGRAM)
    assert missing.rc == 1
    assert "holds no archive; run a backup first" in missing.stderr


def test_the_sources_of_the_release_lie_on_the_host(host):
    names = host.check_output("tar --list --file /opt/cariflex/backup/sources.tar").splitlines()
    assert {"files/postgres/Dockerfile", "files/openadr/pyproject.toml", "playbooks/site.yml"} <= set(names)
    assert [name for name in names if "__pycache__" in name or ".secrets" in name] == []


def test_retention__knows_its_rules_and_fails_loudly_without_a_database(host):
    rules = host.check_output("cat /opt/cariflex/backup/settings.json")
    assert '"bat_{nn}_power"' in rules
    host.run("systemctl start cariflex-retention.service")
    assert (
        host.check_output("systemctl show --property=Result --value cariflex-retention.service")
        == "exit-code"
    )
    log = host.check_output("journalctl --unit cariflex-retention.service --output cat")
    assert "cariflex-backup: docker exec -i flexmeasures-db psql" in log
    metrics = host.file("/opt/cariflex/metrics/backup.prom").content_string
    assert "cariflex_retention_last_run_failed 1" in metrics
