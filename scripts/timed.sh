#!/usr/bin/env bash
# timed.sh NAME COMMAND...: runs the command and keeps its wall time in build/times/NAME.json, for make bench-deploy.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
shift
start_s=$(date +%s)
code=0
"$@" || code=$?
mkdir -p build/times
printf '{"name": "%s", "duration_s": %d, "exit_code": %d}\n' "$name" "$(($(date +%s) - start_s))" "$code" \
  >"build/times/$name.json"
exit "$code"
