#!/usr/bin/env bash
# `./dev fuzz [TARGET [SECONDS]]`: libFuzzer with AddressSanitizer on one target, or on each in turn.
# What it finds goes to build/fuzz/found/TARGET; put a small one into tests/fuzz/regressions/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/lib.sh
source tools/lib.sh

install_packages build test check
build fuzz tidemark_fuzzer
readonly FUZZER=build/fuzz/bin/tidemark_fuzzer
# The libraries of the system are not built for this check.
export ASAN_OPTIONS=detect_container_overflow=0 ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14
seconds=${2:-60}
chosen=${1:-$("$FUZZER")}
for target in $chosen; do
  corpus=build/fuzz/corpus/$target
  found=build/fuzz/found/$target
  mkdir -p "$corpus" "$found"
  TIDEMARK_FUZZ_TARGET=$target TIDEMARK_FUZZ_SEEDS=$corpus "$FUZZER"
  known=()
  [[ ! -d tests/fuzz/regressions/$target ]] || known=("tests/fuzz/regressions/$target")
  say "fuzz $target for $seconds s"
  TIDEMARK_FUZZ_TARGET=$target "$FUZZER" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 -artifact_prefix="$found/" "$corpus" \
    "${known[@]}"
done
say "found nothing"
