#!/usr/bin/env bash
# Installs the client library into an empty directory, builds a program against it with
# find_package(tidemark), and runs that.
#
#   run.sh BUILD_DIR [TIDEMARKD]
#
# With TIDEMARKD, the server's binary, the program also writes to and reads from a server.
set -euo pipefail

build_dir=$1
tidemarkd=${2:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
server=
finish() {
  if [[ -n $server ]]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

cmake --install "$build_dir" --prefix "$work/prefix" --component client >"$work/install.log"
cmake -G Ninja -S "$here" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_CXX_FLAGS="${USER_CXX_FLAGS:-}" >"$work/configure.log" || {
  cat "$work/configure.log" >&2
  exit 1
}
cmake --build "$work/build" >"$work/build.log" 2>&1 || {
  cat "$work/build.log" >&2
  exit 1
}

"$work/build/tidemark_user"
if [[ -n $tidemarkd ]]; then
  : >"$work/server.log"  # The shell that runs the server may be later than who reads it.
  "$tidemarkd" --data "$work/data" --listen 127.0.0.1:0 --http 127.0.0.1:0 >"$work/server.log" 2>&1 &
  server=$!
  # The server says where it listens; a server that does not start ends the wait.
  address=
  while [[ -z $address ]] && read -r line; do
    if [[ $line =~ ready:\ gRPC\ on\ ([^,]*), ]]; then address=${BASH_REMATCH[1]}; fi
  done < <(tail --pid="$server" -n +1 -f "$work/server.log")
  if [[ -z $address ]]; then
    cat "$work/server.log" >&2
    exit 1
  fi
  "$work/build/tidemark_user" "$address"
fi
