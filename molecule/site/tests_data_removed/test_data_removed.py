"""After `uninstall` with uninstall_data nothing is left but backups and the mark of an engine of ours."""


def test_no_volume_is_left(host):
    assert host.check_output("docker volume ls --quiet") == ""


def test_nothing_that_the_roles_wrote_is_left(host):
    found = "find /opt/cariflex -mindepth 1 -maxdepth 1 -not -name state -not -name backups"
    assert host.check_output(found) == ""
