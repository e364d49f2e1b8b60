#!/usr/bin/env bash
# PostgreSQL as an event table: the server from Debian.
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

install() { apt_install postgresql libpq-dev; }

binaries() {
  local -a found
  mapfile -t found < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  [[ -x ${found[-1]}/postgres ]] && echo "${found[-1]}"
}

check() { binaries >/dev/null; }

serve() {
  local bin commit=off
  bin=$(binaries) || die "not installed"
  # fsync is its default: a commit waits for the log. In `default` here commits do not wait, to stand
  # beside peers that do not sync: up to three times wal_writer_delay may be lost, nothing is torn.
  [[ $3 != fsync ]] || commit=on
  local -a user=()
  if [[ $EUID -eq 0 ]]; then
    # It refuses to run as root. The death of the one who asked for it ends it, too.
    chown postgres "$1"
    chmod o+x "$(dirname "$1")" # The temporary directory of the run, ours alone until now.
    user=(setpriv --reuid postgres --regid postgres --clear-groups --pdeathsig KILL)
  fi
  # C: no collation, as the documentation says for speed.
  "${user[@]}" "$bin/initdb" --pgdata "$1/data" --username bench --auth trust --locale C \
    --encoding UTF8 >initdb.log 2>&1 || die "initdb failed: $(tail -n 5 initdb.log)"
  # A quarter of what may be used for shared_buffers; the log large enough that no checkpoint is forced;
  # wal_compression: full pages are smaller; every other setting is its default.
  exec "${user[@]}" "$bin/postgres" -D "$1/data" -p "$2" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c synchronous_commit="$commit" -c shared_buffers=2GB \
    -c max_wal_size=16GB -c checkpoint_timeout=15min -c wal_compression=lz4 -c wal_buffers=64MB
}

main install check serve "$@"
