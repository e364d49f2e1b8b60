// The tail load: paced producers and readers on the same topic; how old is an event when a reader
// has decoded it?
#ifndef TIDEMARK_BENCH_LOAD_TAIL_LOAD_H_
#define TIDEMARK_BENCH_LOAD_TAIL_LOAD_H_

#include "absl/status/statusor.h"
#include "bench/load/paced_appender.h"
#include "bench/measure/recorder.h"

namespace tidemark::bench {

struct TailFigures {
  // From the intended send time to the answer.
  Recorder ack;
  // From the intended send time to the decoded event.
  Recorder end_to_end;
};

// kGroups: each reader is the one member of a group of its own (PARTITION_ORDERED), and acks.
enum class TailReaders { kSubscriptions, kGroups };

// Producers share the rate; every reader gets every event, over a connection of its own.
// INTERNAL  a reader did not get every event, or got one twice.
absl::StatusOr<TailFigures> RunTailLoad(const PacedLoad& load, uint32_t producers = 1,
                                        uint32_t subscribers = 1,
                                        TailReaders kind = TailReaders::kSubscriptions);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_LOAD_TAIL_LOAD_H_
