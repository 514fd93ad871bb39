"""Exits 0 when this container's worker is registered in Redis with a live key.

FlexMeasures' own health endpoint never looks at workers, and a killed worker's old registration
outlives it for minutes: so match by host name, and by a heartbeat that is not older than the key's TTL.
"""

import socket
import sys
from pathlib import Path

from redis import Redis
from rq import Worker

password = Path("/run/secrets/redis").read_text(encoding="utf-8").strip()
connection = Redis(host="flexmeasures-redis", password=password, socket_timeout=5)
alive = [
    worker.name
    for worker in Worker.all(connection=connection)
    if worker.hostname == socket.gethostname() and connection.ttl(worker.key) > 0
]
if not alive:
    sys.exit(f"no live worker of host {socket.gethostname()} in Redis")
