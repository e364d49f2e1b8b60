#!/usr/bin/env bash
# `./dev check [NAME...]`: what is not a test, but must hold before a change is taken.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=tools/lib.sh
source tools/lib.sh
# shellcheck source=tools/buf.sh
source tools/buf.sh

# Cheap ones first.
readonly ALL=(format layout shell proto thread-safety tidy tsan asan)

check_format() {
  source_files '*.cc' '*.h' | xargs -r clang-format-14 --dry-run --Werror
}

check_layout() {
  /usr/bin/python3 -B tests/layout/check_layout_test.py
  /usr/bin/python3 -B tests/layout/check_layout.py .
}

check_shell() {
  source_files dev .ci/run '*.sh' | xargs -r shellcheck -x
}

check_proto() {
  install_buf
  "$BUF" lint
  refuse_breaking_changes
  refuse_stale_baseline
}

# g++ ignores the annotations of our locks; clang takes them for errors, and all other warnings. (Beside
# clang's own clang-tidy wants a check of its own, or it reads nothing.)
check_thread-safety() {
  read_by_clang --checks='-*,clang-diagnostic-*,google-build-namespaces'
}

check_tidy() {
  read_by_clang
}

# read_by_clang ARG...: clang-tidy on all but tests. It reads the files that a unity build compiles, each
# with several of ours in it: most of its time goes to headers that these share.
read_by_clang() {
  build clang tidemark_generated
  compiled_files build/clang | grep -E '^(build/clang/)?(server|client|examples|bench)/' \
    | xargs -r -n 1 -P "${JOBS:-$(nproc)}" clang-tidy-14 --quiet -p build/clang "$@"
}

# AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer: every test, and the server in those
# that start one. Their options are in tests/support/asan_options.cc.
check_asan() {
  build asan
  ctest --test-dir build/asan --output-on-failure -j2 --no-tests=error
}

# ThreadSanitizer: whatever runs without gRPC, which is not instrumented. What else it has to know is
# in tests/support/tsan_absl.cc and tsan_options.cc.
readonly TSAN_TESTS=(tidemark_tsan_test tidemark_base_test tidemark_metrics_test tidemark_config_test
  tidemark_http_test tidemark_storage_test tidemark_log_test tidemark_groups_test
  tidemark_delivery_test tidemark_log_model_test tidemark_delivery_model_test
  tidemark_groups_model_test tidemark_crash_test)
check_tsan() {
  build tsan "${TSAN_TESTS[@]}"
  local labels
  labels=$(IFS='|' && echo "${TSAN_TESTS[*]}")
  ctest --test-dir build/tsan --output-on-failure -j2 --no-tests=error -L "^($labels)\$"
}

# The source files that targets in a build directory compile: clang-tidy knows how to read only these.
compiled_files() {
  sed -n "s|^ *\"file\": \"$PWD/\(.*\)\",\{0,1\}\$|\1|p" "$1/compile_commands.json" | sort -u
}

# One check in this process, so that `set -e` ends it at its first failure.
if [[ ${1:-} == --only ]]; then
  "check_$2"
  exit
fi

[[ $# -gt 0 ]] || set -- "${ALL[@]}"
for name in "$@"; do
  [[ " ${ALL[*]} " == *" $name "* ]] || die "no check '$name'; there are: ${ALL[*]}"
done
install_packages build test check
failed=()
for name in "$@"; do
  say "check $name"
  tools/check.sh --only "$name" || failed+=("$name")
done
[[ ${#failed[@]} -eq 0 ]] || die "failed: ${failed[*]} (again: ./dev check ${failed[*]})"
say "held: $*"
