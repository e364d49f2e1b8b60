#!/usr/bin/env bash
# Instructions of the server for each event appended and each event replayed, counted by callgrind: a
# number that hardly depends on what else the machine does.
#
#   bench/instructions.sh                        of build/release
#   bench/instructions.sh COMMIT_A COMMIT_B      of two commits, built here in worktrees of their own
#
# Three servers on empty stores: one is only started and stopped; one gets EVENTS (100 bytes of data, in
# requests of 1000); one gets them and is then read twice. The differences, by the number of events, are
# the figures. How requests meet in a commit group differs from run to run: within about 1 %.
# Environment: EVENTS (default 100000).
set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
events=${EVENTS:-100000}
work=$(mktemp -d)
server=
clean_up() {
  [[ -z $server ]] || kill -KILL "$server" 2>/dev/null || true
  for tree in "$work"/tree-*; do
    [[ ! -d $tree ]] || git -C "$repository" worktree remove --force "$tree"
  done
  rm -rf "$work"
}
trap clean_up EXIT

die() {
  printf 'instructions.sh: %s\n' "$*" >&2
  exit 1
}
command -v valgrind >/dev/null || die "valgrind is missing: ./dev setup check"

# start BIN NAME: a server on an empty store, counted. Sets `server` and `address`.
start() {
  valgrind --tool=callgrind --callgrind-out-file="$work/$2.out" \
    "$1/tidemarkd" --data "$work/$2" --listen 127.0.0.1:0 --http off --ports-file "$work/$2.json" \
    >"$work/$2.log" 2>&1 &
  server=$!
  local tries
  for ((tries = 0; tries < 1200; ++tries)); do
    [[ ! -s $work/$2.json ]] || break
    kill -0 "$server" 2>/dev/null || die "the server ended: $(tail -n 5 "$work/$2.log")"
    sleep 0.1
  done
  address=127.0.0.1:$(sed -n 's/.*"grpc": *\([0-9]*\).*/\1/p' "$work/$2.json")
}

# stop NAME: ends the server and sets `instructions`.
stop() {
  kill -TERM "$server"
  wait "$server" || die "the server did not stop as it should: $(tail -n 5 "$work/$1.log")"
  server=
  instructions=$(sed -n 's/^\(totals\|summary\): *\([0-9]*\).*/\2/p' "$work/$1.out" | head -n 1)
}

# count BIN: sets `append` and `replay`, instructions an event.
count() {
  local bin=$1 topic=instructions idle appended
  local -a load=(append --events "$events" --topic "$topic")
  rm -rf "$work"/run-*
  start "$bin" run-idle
  stop run-idle
  idle=$instructions
  start "$bin" run-append
  "$bin/tidemark-bench" "${load[@]}" --server "$address" >/dev/null
  stop run-append
  appended=$instructions
  start "$bin" run-replay
  "$bin/tidemark-bench" "${load[@]}" --server "$address" >/dev/null
  # Reads it twice: as bytes, and decoded by the client.
  "$bin/tidemark-bench" replay --topic "$topic" --server "$address" >/dev/null
  stop run-replay
  append=$(((appended - idle) / events))
  replay=$(((instructions - appended) / (2 * events)))
}

# build COMMIT: prints where its programs are.
build() {
  local tree
  tree=$work/tree-$(git -C "$repository" rev-parse --short "$1")
  git -C "$repository" worktree add --quiet --detach "$tree" "$1"
  (cd "$tree" && ./dev build release tidemarkd tidemark-bench) >"$work/build.log" 2>&1 \
    || die "$1 does not build: $(tail -n 5 "$work/build.log")"
  echo "$tree/build/release/bin"
}

row() { printf '%-14s %10s %10s\n' "$@"; }

row "instructions" "append" "replay"
if [[ $# -eq 0 ]]; then
  bin=$repository/build/release/bin
  [[ -x $bin/tidemarkd && -x $bin/tidemark-bench ]] || die "build first: ./dev build"
  count "$bin"
  row "an event" "$append" "$replay"
elif [[ $# -eq 2 ]]; then
  bin_a=$(build "$1")
  bin_b=$(build "$2")
  count "$bin_a"
  append_a=$append
  replay_a=$replay
  row "${1:0:14}" "$append" "$replay"
  count "$bin_b"
  row "${2:0:14}" "$append" "$replay"
  row "ratio" "$(awk "BEGIN { printf \"%.3f\", $append / $append_a }")" \
    "$(awk "BEGIN { printf \"%.3f\", $replay / $replay_a }")"
else
  die "usage: instructions.sh [COMMIT_A COMMIT_B]"
fi
