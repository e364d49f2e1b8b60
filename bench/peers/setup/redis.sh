#!/usr/bin/env bash
# Redis Streams: redis-server from Debian.
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

install() { apt_install redis-server libhiredis-dev; }
check() { command -v redis-server >/dev/null; }

serve() {
  local fsync=everysec
  [[ $3 != fsync ]] || fsync=always
  # appendonly: without it nothing is durable at all. everysec is the setting its documentation
  # recommends; always is "fsync before the reply", once for all commands of a turn of its event loop.
  # save "": no snapshots beside the log. No rewrite of the log during a run either.
  # stream-node-max-*: nodes of 4 kB or 100 entries are the defaults.
  exec redis-server --bind 127.0.0.1 --port "$2" --dir "$1" --daemonize no \
    --appendonly yes --appendfsync "$fsync" --auto-aof-rewrite-percentage 0 --save ""
}

main install check serve "$@"
