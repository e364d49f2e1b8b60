#!/usr/bin/env bash
# Fails if a library of PROGRAM calls a function of abseil's locks that PROGRAM does not replace
# (tests/support/tsan_absl.cc): the two kinds would take the same word for different things.
#
#   replaced_locks.sh PROGRAM
set -euo pipefail

program=$1
locks='absl::[a-z0-9_]+::((Reader)?(Mutex|CondVar|Notification|BlockingCounter|Barrier)::|Status::UnrefNonInlined)'
# They have no word of a lock.
harmless='::(BlockingCounter|Barrier)\(|HasBeenNotifiedInternal|InternalAttemptToUseMutex'

called() {
  ldd "$program" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | grep -v libabsl_synchronization \
    | xargs -n 1 nm -D --undefined-only
  nm -D --undefined-only "$program"
}
called | sed 's/@.*//' | c++filt | sed 's/^ *U //' | grep -E "^$locks" | grep -Ev "$harmless" | sort -u \
  >"${TMPDIR:-/tmp}/called.$$"
trap 'rm -f "${TMPDIR:-/tmp}"/{called,replaced}.$$' EXIT
nm -D --defined-only "$program" | sed 's/^[0-9a-f]* [A-Za-z] //' | c++filt | sort -u \
  >"${TMPDIR:-/tmp}/replaced.$$"

if [[ ! -s ${TMPDIR:-/tmp}/called.$$ ]]; then
  echo "no library of $program calls a lock of abseil: this check looks for the wrong names" >&2
  exit 1
fi
left_out=$(comm -23 "${TMPDIR:-/tmp}"/{called,replaced}.$$)
if [[ -n $left_out ]]; then
  echo "called, and not replaced by tests/support/tsan_absl.cc:" >&2
  echo "$left_out" >&2
  exit 1
fi
