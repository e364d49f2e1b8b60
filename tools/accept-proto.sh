#!/usr/bin/env bash
# `./dev accept-proto [--breaking]`: proto/ becomes the contract that later changes must keep.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/lib.sh
source tools/lib.sh
# shellcheck source=tools/buf.sh
source tools/buf.sh

install_buf
"$BUF" lint
if [[ ${1:-} != --breaking && -f $CONTRACT_BASELINE ]]; then
  refuse_breaking_changes
fi
"$BUF" build -o "$CONTRACT_BASELINE"
say "accepted; commit $CONTRACT_BASELINE together with proto/"
