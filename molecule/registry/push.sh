#!/usr/bin/env bash
# Starts the tests' registry unless it runs, and gives it the images that it lacks.
#   push.sh NAME LABEL REGISTRY_IMAGE IMAGE...
set -euo pipefail
name=$1 label=$2 registry_image=$3
shift 3

# Two scenarios may come at once: the second one finds what the first one pushed.
exec 9>"${TMPDIR:-/tmp}/$name.lock"
flock 9

if [ "$(docker inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" != true ]; then
  docker rm --force --volumes "$name" >/dev/null 2>&1 || true
  docker run --detach --name "$name" --label "$label" --publish 127.0.0.1::5000 "$registry_image" >/dev/null
fi
# shellcheck disable=SC2016 # the container's shell expands it
docker exec "$name" timeout 30 bash -c 'until (: </dev/tcp/127.0.0.1/5000) 2>/dev/null; do sleep 0.1; done'

# The engine takes a registry on the loopback address without TLS.
address=$(docker port "$name" 5000/tcp | head -n 1)
for image in "$@"; do
  docker tag "$image" "$address/$image"
  docker push --quiet "$address/$image"
  docker image rm "$address/$image" >/dev/null
done
