#!/usr/bin/env bash
# Prepares a virtual environment from the pinned, hashed requirements. Nothing happens when it is current.
#
#   scripts/bootstrap.sh controller [root]   .venv for the playbooks; `root` also demands root or sudo
#   scripts/bootstrap.sh dev                 .venv for the tests too (it holds the controller's packages)
#   scripts/bootstrap.sh openadr             .venv-openadr for the OpenADR services' own tests; simulator and weather likewise
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${1:?usage: scripts/bootstrap.sh controller|dev|openadr|simulator|weather [root]}
need_root=${2:-}
minimum='(3, 12)'

die() {
  printf 'bootstrap: %s\n' "$@" >&2
  exit 1
}

case $wanted in
  controller | dev) target=.venv lock=requirements/$wanted.txt ;;
  openadr | simulator | weather) target=.venv-$wanted lock=requirements/$wanted-dev.txt ;;
  *) die "unknown environment '$wanted', expected controller, dev, openadr, simulator or weather" ;;
esac

can_become_root() {
  [ "$(id -u)" -eq 0 ] && return 0
  command -v sudo >/dev/null || return 1
  # A password is asked for once, here, and never without a terminal.
  if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# A pyenv shim exists and still fails, so only a Python that really runs counts.
runs() {
  "$1" -c "import sys; sys.exit(sys.version_info < $2)" >/dev/null 2>&1
}

can_make_venv() {
  "$1" -c 'import ensurepip, venv' >/dev/null 2>&1
}

candidates() {
  local pyenv_versions
  printf '%s\n' python3.12 python3.13 python3.14 python3
  pyenv_versions=${PYENV_ROOT:-$HOME/.pyenv}/versions
  find "$pyenv_versions" -maxdepth 3 -path '*/3.1[2-9]*/bin/python3' 2>/dev/null | sort -V || true
}

# Prints the first Python of at least version $1 that can make virtual environments.
find_python() {
  local python
  while read -r python; do
    if runs "$python" "$1" && can_make_venv "$python"; then
      command -v "$python"
      return 0
    fi
  done < <(candidates; echo /usr/bin/python3)
  return 1
}

install_system_python() {
  command -v apt-get >/dev/null || die \
    "no Python >= 3.9 with the venv module was found, and this system has no apt-get." \
    "Remedy: install Python 3.12 or newer with its venv module, then run make again."
  can_become_root || die \
    "no Python >= 3.9 with the venv module was found, and neither root nor sudo is available." \
    "Remedy: as root, run: apt-get install python3 python3-venv"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    python3 python3-venv ca-certificates
}

stamp_of() {
  sha256sum "$1" requirements/bootstrap.txt | sha256sum | cut -d' ' -f1
}

is_current() { # $1: lock file
  [ -x "$target/bin/python" ] && runs "$target/bin/python" "$minimum" &&
    [ -f "$target/.stamp" ] && [ "$(cat "$target/.stamp")" = "$(stamp_of "$1")" ]
}

if [ "$need_root" = root ]; then
  can_become_root || die "deploying needs root, or sudo that works for $(id -un)." \
    "Remedy: run make as root, or have this user allowed in sudoers. Nothing was changed."
fi

is_current "$lock" && exit 0
# The test environment contains the controller's packages: do not swap one for the other on every call.
[ "$wanted" = controller ] && is_current requirements/dev.txt && exit 0

seed=$(find_python "$minimum" || find_python '(3, 9)') || {
  install_system_python
  seed=$(find_python "$minimum" || find_python '(3, 9)') || die \
    "no usable Python even after installing python3 and python3-venv." "Remedy: install Python 3.12 or newer."
}

# uv reads SSL_CERT_FILE itself; pip's index settings have other names there.
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}; fi
if [ -n "${PIP_EXTRA_INDEX_URL:-}" ]; then export UV_INDEX=${UV_INDEX:-$PIP_EXTRA_INDEX_URL}; fi
if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE=${SSL_CERT_FILE:-$PIP_CERT}; fi

uv=.venv-bootstrap/bin/uv
uv_stamp=$(sha256sum requirements/bootstrap.txt | cut -d' ' -f1)
if ! "$uv" --version >/dev/null 2>&1 || [ "$(cat .venv-bootstrap/.stamp 2>/dev/null)" != "$uv_stamp" ]; then
  echo "bootstrap: installing uv with $seed"
  rm -rf .venv-bootstrap
  "$seed" -m venv .venv-bootstrap
  echo '*' >.venv-bootstrap/.gitignore
  .venv-bootstrap/bin/python -m pip install -q --require-hashes -r requirements/bootstrap.txt
  echo "$uv_stamp" >.venv-bootstrap/.stamp
fi

python=$(find_python "$minimum") || {
  echo 'bootstrap: no Python >= 3.12 here, asking uv for one'
  if ! "$uv" python install 3.12; then
    die "no Python >= 3.12 was found (PATH, pyenv) and uv could not download one." \
      "Remedy: install Python 3.12 or newer (Debian 13 and Ubuntu 24.04 package it; on Debian 12 use pyenv)." \
      "Nothing was changed outside this directory."
  fi
  python=3.12
}

runs "$target/bin/python" "$minimum" || "$uv" venv -q --clear --python "$python" "$target"
rm -f "$target/.stamp"
echo "bootstrap: installing $lock into $target"
"$uv" pip sync -q --require-hashes --python "$target/bin/python" "$lock"
stamp_of "$lock" >"$target/.stamp"
