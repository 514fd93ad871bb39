#!/bin/bash
# Kills a restore between its swap of the databases and its end: kill_after_swap.sh ARCHIVE ENVIRONMENT
set -u
/opt/cariflex/backup/cariflex-backup restore "$1" --confirm "$2" &
restore=$!
swapped() {
  docker exec flexmeasures-db psql -X -qtA -U postgres -c \
    "SELECT 1 FROM pg_database WHERE datname = 'flexmeasures_before_restore'" | grep -q 1
}
# Step by step: stopped while we look, so that it cannot run past the place.
while kill -STOP $restore 2>/dev/null; do
  if swapped; then
    kill -KILL $restore
    exit 0
  fi
  kill -CONT $restore
  sleep 0.01
done
echo "the restore ended before it was seen to have swapped"
exit 1
