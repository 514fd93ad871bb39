#!/usr/bin/env bash
# Checks every shell script with bash itself, and with shellcheck where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' .ci/run)
for script in "${scripts[@]}"; do
  bash -n "$script"
done
if command -v shellcheck >/dev/null; then
  shellcheck "${scripts[@]}"
else
  echo 'shellcheck is not installed (apt-get install shellcheck): only bash -n was run' >&2
fi
