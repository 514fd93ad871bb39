"""Fills Redis: it must refuse, not forget."""

AUTHENTICATED = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)" redis-cli '


def _run(host, shell):
    return host.check_output("docker exec flexmeasures-redis sh -c %s", shell).strip()


def test_a_full_redis_refuses_writes_and_keeps_what_it_has(host):
    assert _run(host, AUTHENTICATED + "config get maxmemory").split() == ["maxmemory", str(8 * 1024 * 1024)]
    assert _run(host, AUTHENTICATED + "set cariflex:first 1") == "OK"
    megabyte = 'head -c 1000000 /dev/zero | tr "\\0" x'
    answers = _run(host, f"for n in $(seq 12); do {megabyte} | {AUTHENTICATED} -x set big:$n; done")
    assert "OOM command not allowed" in answers
    assert _run(host, AUTHENTICATED + "get cariflex:first") == "1"
    assert int(_run(host, AUTHENTICATED + "del $(seq -f big:%g 12)")) < 12
    assert _run(host, AUTHENTICATED + "set cariflex:second 1") == "OK"


def test_the_container_may_use_no_more_than_the_data_and_its_overhead(host):
    limit = host.check_output("docker inspect --format '{{.HostConfig.Memory}}' flexmeasures-redis")
    assert int(limit) == (8 + 256) * 1024 * 1024
