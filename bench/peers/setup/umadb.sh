#!/usr/bin/env bash
# UmaDB: its server from the Python package of its authors, which is the Rust server in a shared library and
# a script of a few lines that runs it (`cargo install umadb` builds the same one, in some minutes).
# shellcheck source=bench/peers/setup/lib.sh
source "$(dirname "$(readlink -f "$0")")/lib.sh"

version=0.7.8
home=${UMADB_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/tidemark-bench/umadb-$version}

install() {
  apt_install python3 python3-pip
  /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
    --target "$home" "umadb==$version"
}

check() { [[ -x $home/bin/umadb ]]; }

serve() {
  # It syncs before it confirms, and cannot be told otherwise.
  [[ $3 == fsync ]] || die "it has no mode '$3'"
  # Every setting is its default, which is all its documentation advises: pages read with pread, no page
  # cache of its own beside the kernel's. --pipelined-writer true and --read-method mmap were no faster.
  PYTHONPATH=$home exec /usr/bin/python3 "$home/bin/umadb" --listen "127.0.0.1:$2" --db-path "$1"
}

main install check serve "$@"
