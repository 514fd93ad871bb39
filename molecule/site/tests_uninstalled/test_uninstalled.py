"""After `uninstall` only the data is left."""

DATA = {"flexmeasures-db-data", "flexmeasures-redis-data"}


def test_no_container_is_left(host):
    assert host.check_output("docker ps --all --quiet") == ""


def test_only_dockers_own_networks_are_left(host):
    assert set(host.check_output("docker network ls --format '{{.Name}}'").split()) == {
        "bridge",
        "host",
        "none",
    }


def test_the_data_volumes_are_kept(host):
    assert set(host.check_output("docker volume ls --quiet").split()) >= DATA


def test_no_secret_and_no_configuration_is_left(host):
    assert (
        host.check_output("find /opt/cariflex/secrets /opt/cariflex/config /opt/cariflex/compose -type f")
        == ""
    )
