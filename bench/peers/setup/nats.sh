#!/usr/bin/env bash
# NATS JetStream: nats-server from Debian (2.9). It cannot sync before it confirms: `sync_interval: always`
# came with 2.10. Its default syncs every two minutes.
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

install() { apt_install nats-server libnats-dev; }
check() { command -v nats-server >/dev/null || [[ -x /usr/sbin/nats-server ]]; }

serve() {
  [[ $3 == default ]] || die "this version has no mode '$3'"
  cat >"$1/nats.conf" <<END
listen: 127.0.0.1:$2
jetstream { store_dir: "$1/jetstream", max_file_store: 60GB, max_memory_store: 1GB }
END
  PATH=$PATH:/usr/sbin exec nats-server --config "$1/nats.conf"
}

main install check serve "$@"
