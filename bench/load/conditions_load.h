// The conditioned load: callers that append one event a call, each with a condition on its key.
//
// Terms.     Closed loop, as the unary load. kOwnKey: each caller has a key of its own and expects
//            the revision that its last answer told. kNewKey: each call expects that a key which
//            was never used is absent.
#ifndef TIDEMARK_BENCH_LOAD_CONDITIONS_LOAD_H_
#define TIDEMARK_BENCH_LOAD_CONDITIONS_LOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

enum class ConditionKind { kNone, kOwnKey, kNewKey };

struct ConditionsLoad {
  std::string address;
  std::string topic;
  ConditionKind kind = ConditionKind::kOwnKey;
  uint32_t callers = 64;
  uint32_t connections = 1;
  uint32_t data_bytes = 100;
  double seconds = 2;
  double warmup_seconds = 0.2;
};

// Latency is from the start of a call to its completion. The first failed call ends the run: with
// keys of their own no condition can fail.
absl::StatusOr<Recorder> RunConditionsLoad(const ConditionsLoad& load);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_CONDITIONS_LOAD_H_
