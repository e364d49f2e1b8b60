# What `./dev check proto` and `./dev accept-proto` share; sourced after lib.sh.
# shellcheck shell=bash

readonly BUF=build/tools/buf
readonly BUF_VERSION=1.50.0

# The contract as others may already use it. It is kept beside the source, rather than taken from a
# commit, so that a renumbered field is still refused after it was committed, and so that the check
# needs no history. Only `./dev accept-proto` writes it.
readonly CONTRACT_BASELINE=tools/contract.binpb.gz

install_buf() {
  if [[ -x $BUF && $("$BUF" --version) == "$BUF_VERSION" ]]; then
    return
  fi
  command -v go >/dev/null || die "buf $BUF_VERSION is built from source and needs Go 1.23 or newer;
Debian 12's own is older: apt-get install -t bookworm-backports golang, or a release of the Go project"
  say "building buf $BUF_VERSION"
  GOBIN=$PWD/build/tools go install "github.com/bufbuild/buf/cmd/buf@v$BUF_VERSION"
}

refuse_breaking_changes() {
  "$BUF" breaking --against "$CONTRACT_BASELINE" \
    || die "proto/ breaks the contract in $CONTRACT_BASELINE: clients in the field would fail"
}

# An addition that the baseline does not know could be renumbered unnoticed later. Comments are free.
refuse_stale_baseline() {
  "$BUF" build --exclude-source-info -o build/contract-now.binpb
  "$BUF" build --exclude-source-info -o build/contract-then.binpb "$CONTRACT_BASELINE"
  cmp -s build/contract-now.binpb build/contract-then.binpb \
    || die "proto/ has grown: run ./dev accept-proto and commit $CONTRACT_BASELINE with it"
}
