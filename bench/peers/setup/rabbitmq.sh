#!/usr/bin/env bash
# RabbitMQ, streams and quorum queues: the server from Debian. Its modes are the same: a quorum queue
# syncs before it confirms, a stream never does, and neither can be told otherwise.
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

install() { apt_install rabbitmq-server librabbitmq-dev; }
check() { [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; }

epmd=
server=
stop() {
  trap - TERM INT EXIT
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  [[ -z $server ]] || wait "$server" || true
  [[ -z $epmd ]] || kill "$epmd" 2>/dev/null || true
  [[ -z $epmd ]] || wait "$epmd" || true
  exit 0
}

serve() {
  trap stop TERM INT EXIT
  # Erlang's own port mapper and distribution: on loopback, ports beside ours, ended with us.
  export ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$(($2 + 2))
  # However this script dies, what it started ends too.
  local -a with_us=(setpriv --pdeathsig TERM)
  "${with_us[@]}" epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 &
  epmd=$!
  export HOME=$1 RABBITMQ_NODENAME="bench$2@localhost" RABBITMQ_MNESIA_BASE=$1/data
  export RABBITMQ_LOG_BASE=$1/log RABBITMQ_CONFIG_FILE=$1/rabbitmq
  export RABBITMQ_ENABLED_PLUGINS_FILE=$1/enabled_plugins RABBITMQ_DIST_PORT=$(($2 + 1))
  export RABBITMQ_PID_FILE=$1/pid
  export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}"
  # Streams over their own protocol, on the port after the distribution's two.
  echo '[rabbitmq_stream].' >"$1/enabled_plugins"
  # The watermarks would stop publishers for reasons that have nothing to do with this machine's speed.
  cat >"$1/rabbitmq.conf" <<END
listeners.tcp.1 = 127.0.0.1:$2
stream.listeners.tcp.1 = 127.0.0.1:$(($2 + 3))
vm_memory_high_watermark.relative = 0.6
disk_free_limit.absolute = 1GB
log.console = false
END
  # With this it becomes the Erlang process, instead of waiting for one.
  export RUNNING_UNDER_SYSTEMD=1
  "${with_us[@]}" /usr/lib/rabbitmq/bin/rabbitmq-server &
  server=$!
  wait "$server"
}

main install check serve "$@"
