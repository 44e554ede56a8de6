#!/usr/bin/env bash
# A PostgreSQL server for tests, on a free port of loopback, with everything in one folder that goes with it.
#   postgres.sh start DIR [NAME=VALUE…]   writes DIR/url (postgres://tomada@127.0.0.1:PORT) and prints it; one that runs
#                                         there already is stopped first. NAME=VALUE: settings of the server
#   postgres.sh restart DIR [MODE]        pg_ctl restart; immediate unless MODE says otherwise
#   postgres.sh sql DIR DATABASE SQL      as the superuser
#   postgres.sh stop DIR
# With TLS_DIR=FOLDER (server.crt, server.key) the server takes TLS connections only, with a password (PASSWORD).
set -euo pipefail

word=${1:?start, restart, sql or stop} dir=${2:?a folder}
shift 2
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -x "$bin/initdb" ] || { echo "postgres.sh: no PostgreSQL server is installed (Debian: postgresql-15)" >&2; exit 1; }

# The server refuses root.
as_server() { if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi; }
home() { cat "$dir/home"; }
port() { sed -n 's/.*:\([0-9]*\)$/\1/p' "$dir/url"; }

stop() {
  [ -f "$dir/home" ] || return 0
  as_server "$bin/pg_ctl" stop -D "$(home)/data" -m immediate -s >/dev/null 2>&1 || true
  rm -rf "$(home)" "$dir/home" "$dir/url"
}

start() {
  mkdir -p "$dir"
  stop
  local home port settings=()
  home=$(mktemp -d "${TMPDIR:-/tmp}/tomada-postgres-XXXXXX")
  [ "$(id -u)" != 0 ] || chown postgres "$home"
  echo "$home" >"$dir/home"
  as_server "$bin/initdb" -D "$home/data" --auth=trust --username=postgres --encoding=UTF8 --locale=C.UTF-8 >"$dir/initdb.log" 2>&1 ||
    { cat "$dir/initdb.log" >&2; exit 1; }
  for setting in "$@"; do settings+=("-c $setting"); done
  if [ -n "${TLS_DIR:-}" ]; then
    install -m 600 "$TLS_DIR/server.crt" "$TLS_DIR/server.key" "$home/data/"
    [ "$(id -u)" != 0 ] || chown postgres "$home/data/server.crt" "$home/data/server.key"
    settings+=("-c ssl=on")
  fi
  for _ in $(seq 20); do
    port=$((20000 + RANDOM % 12000))
    if as_server "$bin/pg_ctl" start -D "$home/data" -w -s -l "$home/log" -o \
      "-p $port -k $home -c listen_addresses=127.0.0.1 -c max_connections=200 ${settings[*]:-}" >/dev/null 2>&1; then
      as_server "$bin/psql" -q -h "$home" -p "$port" -U postgres -v ON_ERROR_STOP=1 \
        -c "CREATE ROLE tomada LOGIN CREATEDB ${PASSWORD:+PASSWORD '$PASSWORD'}" >/dev/null
      if [ -n "${TLS_DIR:-}" ]; then
        printf 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n' | as_server tee "$home/data/pg_hba.conf" >/dev/null
        as_server "$bin/pg_ctl" reload -D "$home/data" -s
      fi
      echo "postgres://tomada@127.0.0.1:$port" | tee "$dir/url"
      return 0
    fi
    grep -q "Address already in use" "$home/log" 2>/dev/null || break
  done
  cat "$home/log" >&2
  stop
  exit 1
}

case $word in
  start) start "$@" ;;
  restart) as_server "$bin/pg_ctl" restart -D "$(home)/data" -m "${1:-immediate}" -w -s >/dev/null ;;
  sql) as_server "$bin/psql" -q -A -t -h "$(home)" -p "$(port)" -U postgres -v ON_ERROR_STOP=1 -d "$1" -c "$2" ;;
  stop) stop ;;
  *) echo "postgres.sh: no word '$word'" >&2; exit 2 ;;
esac
