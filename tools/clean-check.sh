#!/usr/bin/env bash
# `./dev clean-check [COMMAND...]`: do the README's commands work for somebody who has nothing yet?
# A fresh clone of HEAD, in a Debian 12 of bash and apt. Removed afterwards, whatever happens.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/lib.sh
source tools/lib.sh
# shellcheck source=tools/debian.sh
source tools/debian.sh

need_root clean-check
[[ $# -gt 0 ]] || set -- test demo

work=$(mktemp -d)
trap 'remove_root "$work"' EXIT
make_debian_root "$work/root"
git clone --quiet --no-hardlinks . "$work/root/tidemark"

for command in "$@"; do
  say "./dev $command, in a fresh clone of $(git rev-parse --short HEAD) in a bare Debian 12"
  in_root "$work/root" /tidemark/dev "$command"
done
say "held in a bare Debian 12: $*"
