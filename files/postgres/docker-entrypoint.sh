#!/bin/bash
# First start: makes the cluster, the database and runs /docker-entrypoint-initdb.d; then becomes postgres.
# The cluster carries a marker until its first initialisation is complete: a kill in between leaves the marker,
# and the next start wipes the half-made cluster instead of serving it.
set -euo pipefail

marker="$PGDATA/.cariflex-initialising"

fail() {
    echo "docker-entrypoint: $*" >&2
    exit 1
}

# Prints the value of $1, or the content of the file named by ${1}_FILE.
setting() {
    local file_variable="${1}_FILE"
    if [ -n "${!1:-}" ] && [ -n "${!file_variable:-}" ]; then
        fail "$1 and $file_variable are both set; expected one of them"
    fi
    if [ -n "${!file_variable:-}" ]; then
        [ -r "${!file_variable}" ] || fail "$file_variable=${!file_variable} is not readable by uid $(id -u)"
        cat "${!file_variable}"
    else
        printf '%s' "${!1:-${2:-}}"
    fi
}

run_init_scripts() {
    local script
    for script in /docker-entrypoint-initdb.d/*; do
        case "$script" in
            *.sh)
                echo "docker-entrypoint: running $script"
                if [ -x "$script" ]; then
                    "$script"
                else
                    # shellcheck source=/dev/null
                    . "$script"
                fi
                ;;
            *.sql)
                echo "docker-entrypoint: running $script"
                psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d "$POSTGRES_DB" -f "$script"
                ;;
        esac
    done
}

initialise() {
    local password initdb_arguments
    POSTGRES_USER="$(setting POSTGRES_USER postgres)"
    POSTGRES_DB="$(setting POSTGRES_DB "$POSTGRES_USER")"
    export POSTGRES_USER POSTGRES_DB
    password="$(setting POSTGRES_PASSWORD)"
    [ -n "$password" ] || fail "no superuser password; set POSTGRES_PASSWORD_FILE to a readable, non-empty file"
    read -r -a initdb_arguments <<< "${POSTGRES_INITDB_ARGS:-}"

    # initdb insists on an empty directory, so the marker of this stage lies in the parent of its work directory.
    : > "$marker"
    mkdir -m 0700 "$PGDATA/.cluster"
    initdb --pgdata="$PGDATA/.cluster" --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$password") \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 "${initdb_arguments[@]}"
    mv "$PGDATA"/.cluster/* "$PGDATA"/
    rmdir "$PGDATA/.cluster"
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >> "$PGDATA/postgresql.conf"

    # Scripts run against a server that only the socket reaches, so that nobody meets a half-made database.
    pg_ctl --pgdata="$PGDATA" -w -o "-c listen_addresses=''" start
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres --set=db="$POSTGRES_DB" \
            <<< 'CREATE DATABASE :"db";'
    fi
    run_init_scripts
    pg_ctl --pgdata="$PGDATA" -w -m fast stop
    sync
    rm "$marker"
}

if [ "${1:-postgres}" = postgres ] || [ "${1#-}" != "$1" ]; then
    [ "${1:-}" = postgres ] && shift
    [ "$(id -u)" != 0 ] || fail "started as root; expected uid 999 (postgres refuses root)"
    umask 0077
    mkdir -p "$PGDATA"
    [ -w "$PGDATA" ] || fail "$PGDATA is not writable by uid $(id -u); expected it to belong to 999:999"
    if [ -e "$marker" ]; then
        echo "docker-entrypoint: the first initialisation was interrupted; starting it again"
        find "$PGDATA" -mindepth 1 -delete
    fi
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        [ -z "$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found)" ] \
            || fail "$PGDATA is not empty and holds no cluster; refusing to touch it"
        initialise
    fi
    set -- postgres "$@"
fi
exec "$@"
