#!/usr/bin/env bash
# Measures deployments of ENV (default dev): the first one when nothing runs yet, then one with nothing to do,
# beside `docker compose up -d` alone; then the memory of each container. Run it on a clean clone for a
# first deployment's numbers. The phases' times are in the deployment's own summary.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=${ENV:-dev}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

timed() { # $1: what; the rest: a command whose output goes to the log
  local what=$1 start
  shift
  start=$(date +%s.%N)
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    echo "bench: $what failed" >&2
    return 1
  }
  awk -v what="$what" -v start="$start" -v end="$(date +%s.%N)" \
    'BEGIN {printf "%-40s %8.1f s\n", what, end - start}'
}

deploy() {
  ansible-playbook -i "inventories/$environment" playbooks/site.yml
}

compose_up() {
  local root stack files
  root=$(ansible ems -i "inventories/$environment" -m ansible.builtin.debug -a var=cariflex_root |
    sed -nE 's/.*cariflex_root"?: *"?([^",]+).*/\1/p')
  for stack in edge ems openadr; do
    files=()
    for file in "$root/compose/$stack"/*.yml; do files+=(-f "$file"); done
    as_root docker compose --project-name "cariflex-$stack" "${files[@]}" up --detach
  done
}

running=$(as_root docker ps -q --filter "label=fr.cariflex.environment=$environment" 2>/dev/null | wc -l)
if [ "$running" -eq 0 ]; then
  timed 'first deployment' deploy
  sed -n '/PLAY RECAP/,$p' "$log"
fi
timed 'deployment with nothing to do' deploy
tasks=$(grep -c '^TASK ' "$log" || true)
echo "  tasks: $tasks; $(grep -oE 'ok=[0-9]+ +changed=[0-9]+' "$log" | head -n 1)"
timed 'docker compose up -d of all stacks' compose_up
echo
as_root docker stats --no-stream --format 'table {{.Name}}\t{{.MemUsage}}'
