# What the set-up scripts of the peers share. Each script:
#
#   NAME.sh install                 installs the peer and its C client library from packages (as root)
#   NAME.sh check                   exit code 0 if the peer is installed
#   NAME.sh serve DIR PORT MODE     runs it on 127.0.0.1:PORT with its data in DIR, in the foreground,
#                                   until SIGTERM; MODE: default, or fsync: synced before it confirms
#
# `tidemark-bench peers` calls `check` and `serve`. Settings are in the scripts, with the reason of each.
# shellcheck shell=bash
set -euo pipefail

die() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

apt_install() {
  [[ $EUID -eq 0 ]] || die "install needs root"
  export DEBIAN_FRONTEND=noninteractive
  # A package that starts a service of its own would disturb every measurement.
  local policy=/usr/sbin/policy-rc.d made=
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made=1
  fi
  apt-get -qq -o DPkg::Lock::Timeout=300 update
  apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"
  [[ -z $made ]] || rm "$policy"
}

# main INSTALL CHECK SERVE ARGUMENTS...: the names of three functions, and the command line.
main() {
  local install=$1 check=$2 serve=$3
  shift 3
  case ${1:-} in
    install) "$install" ;;
    check) "$check" ;;
    serve)
      [[ $# -eq 4 ]] || die "usage: $(basename "$0") serve DIR PORT default|fsync"
      [[ $4 == default || $4 == fsync ]] || die "mode '$4': use default or fsync"
      mkdir -p "$2"
      cd "$2"
      "$serve" "$2" "$3" "$4"
      ;;
    *) die "usage: $(basename "$0") install | check | serve DIR PORT MODE" ;;
  esac
}
