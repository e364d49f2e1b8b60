# Shared by ./dev and the scripts beside this one. They run with the repository as the current
# directory and `set -euo pipefail`.
# shellcheck shell=bash

# Says what comes next, on stderr, so that a command's own output stays clean.
say() {
  if [[ -t 2 ]]; then
    printf '\033[1m==> %s\033[0m\n' "$*" >&2
  else
    printf '==> %s\n' "$*" >&2
  fi
}

die() {
  printf 'dev: %s\n' "$*" >&2
  exit 1
}

need_root() {
  [[ $EUID -eq 0 ]] || die "$1 needs root: sudo ./dev $1"
}

# Installs what is missing of the named groups of tools/packages.txt, or says how to.
install_packages() {
  command -v apt-get dpkg-query >/dev/null \
    || die "this needs apt (Debian 12); elsewhere install what tools/packages.txt lists"
  local wanted installed
  wanted=$(tools/packages.sh "$@" | sort -u)
  # shellcheck disable=SC2016  # dpkg-query's own variables
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
    | sed -n 's/^installed //p' | sort -u)
  local -a missing
  mapfile -t missing < <(comm -23 <(echo "$wanted") <(echo "$installed"))
  [[ ${#missing[@]} -gt 0 ]] || return 0

  [[ $EUID -eq 0 ]] || die "packages are missing; run this, then try again:
  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}"
  say "installing ${missing[*]}"
  local -a apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0)
  export DEBIAN_FRONTEND=noninteractive
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >/dev/null  # Errors: stderr.
}

# build PRESET [TARGET...]: configures and builds into build/PRESET; everything without a target.
build() {
  local preset=$1
  shift
  local -a options=() targets=()
  if command -v ccache >/dev/null; then
    export CCACHE_SLOPPINESS=pch_defines,time_macros  # For precompiled headers.
    options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  if [[ $# -gt 0 ]]; then
    targets=(--target "$@")
  fi
  say "building $preset${*:+: $*}"
  cmake --preset "$preset" "${options[@]}" >/dev/null
  cmake --build --preset "$preset" --parallel "${JOBS:-$(nproc)}" "${targets[@]}"
}

# The files of the work tree that match the given patterns: tracked, or new and not ignored.
source_files() {
  local file
  git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r file; do
    if [[ -f $file ]]; then
      echo "$file"
    fi
  done
}
