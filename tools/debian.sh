# Bare Debian 12 roots, for `./dev clean-check` and `./dev image`; sourced after lib.sh. Needs root.
# shellcheck shell=bash

readonly DEBIAN_SUITE=bookworm
readonly DEBIAN_BASE=build/base/$DEBIAN_SUITE.tar  # Kept, as it takes a while to make.

# make_debian_root DIRECTORY: bash, apt and what they need, and this machine's way to its mirrors.
make_debian_root() {
  local root=$1
  [[ -f $DEBIAN_BASE ]] || make_debian_base
  mkdir -p "$root"
  tar -C "$root" -xf "$DEBIAN_BASE"
  debian_sources >"$root/etc/apt/sources.list"
  # Proxies and the like. Other settings call programs that a bare Debian does not have.
  apt-config dump | grep -E '^Acquire::(https?|Retries|Check-)' >"$root/etc/apt/apt.conf.d/99host" \
    || true
  if [[ -f /etc/ssl/certs/ca-certificates.crt ]]; then
    mkdir -p "$root/etc/ssl/certs"
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  fi
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"  # As any machine has.
}

make_debian_base() (
  install_packages check
  say "making a bare Debian 12 ($DEBIAN_BASE)"
  apt-get -qq update
  mirror=$(debian_sources | sed -n "s/^deb \(.*\) $DEBIAN_SUITE main$/\1/p" | head -n 1)
  [[ -n $mirror ]] || die "apt on this machine has no source for Debian $DEBIAN_SUITE"
  work=$(mktemp -d)
  trap 'remove_root "$work"' EXIT
  debootstrap --variant=minbase "$DEBIAN_SUITE" "$work/root" "$mirror" >"$work/log" 2>&1 \
    || die "debootstrap failed: $(tail -n 5 "$work/log")"
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
  mkdir -p "$(dirname "$DEBIAN_BASE")"
  tar -C "$work/root" --numeric-owner -cf "$DEBIAN_BASE.part" .
  mv "$DEBIAN_BASE.part" "$DEBIAN_BASE"
)

# This machine's sources of Debian itself, as lines of a sources.list.
debian_sources() {
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' | grep " $DEBIAN_SUITE" | sort -u
}

# in_root ROOT COMMAND...: runs a command in ROOT as root, in mount and process namespaces of its
# own: when it ends, or is killed, nothing stays mounted and nothing runs.
in_root() {
  # shellcheck disable=SC2016  # expanded by the inner shell
  unshare --mount --pid --fork --kill-child bash -c '
    set -euo pipefail
    mount -t proc proc "$1/proc"
    mount --rbind /sys "$1/sys"
    mount --rbind /dev "$1/dev"
    exec chroot "$@"' in_root "$1" \
    /usr/bin/env -i HOME=/root TERM="${TERM:-dumb}" LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${http_proxy:+"http_proxy=$http_proxy"} ${https_proxy:+"https_proxy=$https_proxy"} \
    ${no_proxy:+"no_proxy=$no_proxy"} "${@:2}"
}

remove_root() {
  rm -rf --one-file-system "$1"
}
