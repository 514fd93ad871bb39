#!/usr/bin/env bash
# Removes platforms with their networks, and the registry, unless it is "", after the last of them.
#   remove.sh LABEL REGISTRY PLATFORM...
set -euo pipefail
label=$1 registry=$2
shift 2

# Any value of the label: what an earlier version of these tests left is in the way too.
ours() { docker "$1" ls --quiet --filter label="${label%%=*}" --filter "name=^$2\$" "${@:3}"; }

for platform in "$@"; do
  # `--volumes` takes the inner engine's store along.
  ours container "$platform" --all | xargs --no-run-if-empty docker rm --force --volumes
  # A network in use cannot be removed.
  for network in $(ours network "$platform"); do
    docker network inspect --format '{{range $id, $_ := .Containers}}{{println $id}}{{end}}' "$network" |
      xargs --no-run-if-empty --max-args=1 docker network disconnect --force "$network"
    docker network rm "$network"
  done
done

[ -n "$registry" ] || exit 0
# Whoever pushes at this moment is about to start a platform.
exec 9>"${TMPDIR:-/tmp}/$registry.lock"
flock --nonblock 9 || exit 0
if ! docker ps --all --filter "label=$label" --format '{{.Names}}' | grep -qvxF "$registry"; then
  ours container "$registry" --all | xargs --no-run-if-empty docker rm --force --volumes
fi
