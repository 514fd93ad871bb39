"""Redis's password, the worker, the queue."""

from __future__ import annotations

from ..errors import ApiError
from .containers import down
from .host import Host
from .model import Trouble

REDIS = "flexmeasures-redis"
WORKER = "flexmeasures-worker"
# How many jobs may wait while the worker is well.
QUEUE_LIMIT = 50
_AUTHENTICATED = 'REDISCLI_AUTH="$(cat /run/secrets/redis_password)"; export REDISCLI_AUTH\n'


def redis_password(host: Host) -> str | Trouble:
    """Try whether Redis takes the password of the secret file, and no other."""
    if trouble := down(host, REDIS, "posts are slow, schedules wait, the worker ends"):
        return trouble
    without = host.inside(REDIS, "redis-cli ping 2>&1 || true")
    with_secret = host.inside(REDIS, _AUTHENTICATED + "redis-cli ping 2>&1 || true")
    if "PONG" in with_secret and "NOAUTH" in without:
        return "refuses strangers, takes the secret's password"
    if "PONG" in without:
        return Trouble(
            "answers without a password",
            "it was started with other settings: whoever reaches the network reads and writes the queue",
            f"docker restart {REDIS}: it reads the secret's password from its configuration",
            lambda: host.run("docker", "restart", REDIS),
        )
    return Trouble(
        f"refuses the secret's password: {with_secret.splitlines()[0][:80] if with_secret else 'no answer'}",
        "Redis and its clients have different passwords: the API answers 503, the worker ends",
        f"docker restart {REDIS}: it reads the secret's password from its configuration",
        lambda: host.run("docker", "restart", REDIS),
    )


def worker(host: Host) -> str | Trouble:
    """Ask whether the worker's container runs and its registration in Redis lives."""
    if trouble := down(host, WORKER, "no schedule is computed; jobs wait in the queue and are not lost"):
        return trouble
    probe = ("docker", "exec", WORKER, "python3", "/etc/flexmeasures/worker_health.py")
    status, _, errors = host.attempt(*probe)
    if status != 0:
        return Trouble(
            f"runs, but: {errors.splitlines()[-1][:120] if errors else 'its probe failed'}",
            "it hangs or has lost Redis: no schedule is computed",
            f"docker restart {WORKER}",
            lambda: host.run("docker", "restart", WORKER),
        )
    return "registered and alive"


def queue(host: Host) -> str | Trouble:
    """Count the jobs that wait in each queue."""
    script = (
        _AUTHENTICATED
        + "for q in scheduling forecasting ingestion; do echo $q $(redis-cli llen rq:queue:$q); done"
    )
    counts = {}
    for row in host.inside(REDIS, script).splitlines():
        name, _, count = row.partition(" ")
        if not count.isdigit():
            raise ApiError(f"Redis does not tell: {count[:60] or row[:60]}; see the check of its password")
        counts[name] = int(count)
    seen = ", ".join(f"{name} {count}" for name, count in counts.items())
    return judge_queue(counts, seen, lambda: host.run("docker", "restart", WORKER))


def judge_queue(counts: dict[str, int], seen: str, restart: object) -> str | Trouble:
    """Decide by the number of waiting jobs of each queue."""
    if counts.get("ingestion", 0):
        return Trouble(
            f"jobs waiting: {seen}",
            "a worker that serves ingestion was run once: posts went into a queue that nobody reads",
            "run them once: docker exec flexmeasures-worker flexmeasures jobs run-worker --queue ingestion",
        )
    if max(counts.values(), default=0) > QUEUE_LIMIT:
        return Trouble(
            f"jobs waiting: {seen}",
            "the worker hangs in a job, or more is asked of it than it can do",
            f"docker restart {WORKER}; when it grows again, look into docker logs {WORKER}",
            restart if callable(restart) else None,
        )
    return f"jobs waiting: {seen}"
