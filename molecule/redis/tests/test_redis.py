"""Asks Redis itself."""

AUTHENTICATED = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli '


def _run(host, shell):
    return host.check_output("docker exec flexmeasures-redis sh -c %s", shell).strip()


def test_it_answers_with_the_password(host):
    assert _run(host, AUTHENTICATED + "ping") == "PONG"


def test_it_refuses_without_and_with_a_wrong_password(host):
    assert "NOAUTH" in _run(host, "redis-cli ping")
    assert "WRONGPASS" in _run(host, "redis-cli -a wrong ping 2>&1")


def test_jobs_are_never_evicted(host):
    assert _run(host, AUTHENTICATED + "config get maxmemory-policy").split() == [
        "maxmemory-policy",
        "noeviction",
    ]


def test_no_user_needs_no_password(host):
    users = _run(host, AUTHENTICATED + "acl list").splitlines()
    assert [user for user in users if "nopass" in user] == []


def test_written_data_survives_a_restart(host):
    assert _run(host, AUTHENTICATED + "set cariflex:test 1") == "OK"
    host.check_output("docker restart flexmeasures-redis")
    wait = f'until [ "$({AUTHENTICATED} get cariflex:test)" = 1 ]; do sleep 0.2; done; echo kept'
    assert host.check_output("timeout 30 docker exec flexmeasures-redis sh -c %s", wait).strip() == "kept"
