"""Asks Redis itself."""

import pytest

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


@pytest.mark.parametrize(
    "command",
    [
        "flushall",
        "flushdb",
        "config set dir /tmp",
        "config set requirepass ''",
        "acl setuser default nopass",
        "acl setuser other on nopass +@all",
        "debug sleep 0",
        "shutdown nosave",
        "replicaof 127.0.0.1 1",
        "slaveof no one",
        "module load /tmp/x.so",
        "migrate 127.0.0.1 1 key 0 1",
        "monitor",
        "keys '*'",
    ],
)
def test_what_ends_or_opens_the_server_is_off(host, command):
    answer = _run(host, f"{AUTHENTICATED} {command}")

    # DEBUG and MODULE are off for everybody, before anybody's rights are looked at.
    assert answer.startswith("NOPERM") or "command not allowed" in answer, answer


def test_the_password_stands_in_no_file_but_the_secret(host):
    password = host.check_output("cat /opt/cariflex/secrets/redis/redis_password").strip()
    assert password not in host.file("/opt/cariflex/config/redis/redis.conf").content_string


def test_written_data_survives_a_restart(host):
    assert _run(host, AUTHENTICATED + "set cariflex:test 1") == "OK"
    host.check_output("docker restart flexmeasures-redis")
    wait = f'until [ "$({AUTHENTICATED} get cariflex:test)" = 1 ]; do sleep 0.2; done; echo kept'
    assert host.check_output("timeout 30 docker exec flexmeasures-redis sh -c %s", wait).strip() == "kept"
