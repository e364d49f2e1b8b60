// Recorder: what one load thread measured: latencies, throughput second by second, totals.
//
// Terms.     The window is [start, last completion]. Completions before `start` are warm-up and
//            are not counted, so the drain at the end is inside the window and the ramp is not.
// Threads.   None: one recorder per thread, merged afterwards.
#ifndef TIDEMARK_BENCH_MEASURE_RECORDER_H_
#define TIDEMARK_BENCH_MEASURE_RECORDER_H_

#include <cstdint>
#include <vector>

#include "bench/measure/histogram.h"

namespace tidemark::bench {

class Recorder {
 public:
  // `shown`: its work counts as progress of the process. Not so for who gets events that were
  // counted when they were appended.
  explicit Recorder(int64_t start_ns, bool shown = true) : start_ns_(start_ns), shown_(shown) {}

  // A piece of work of `events` events and `bytes` bytes ended at `end_ns`, and took `latency_ns`.
  void Complete(int64_t end_ns, int64_t latency_ns, uint64_t events, uint64_t bytes);

  // Requires: recorders of one run, so with the same start.
  void Merge(const Recorder& other);

  const Histogram& latency() const { return latency_; }
  uint64_t events() const { return events_; }
  uint64_t bytes() const { return bytes_; }

  // Also what the warm-up did: costs are measured over both.
  uint64_t events_with_warmup() const { return warmup_events_ + events_; }
  uint64_t bytes_with_warmup() const { return warmup_bytes_ + bytes_; }

  double Seconds() const;
  double EventsPerSecond() const;
  double BytesPerSecond() const;
  double CompletionsPerSecond() const;

  // Events of each full or begun second since start.
  const std::vector<uint64_t>& events_by_second() const { return events_by_second_; }

 private:
  double PerSecond(uint64_t amount) const;

  int64_t start_ns_;
  bool shown_;
  int64_t last_ns_ = 0;
  uint64_t events_ = 0;
  uint64_t bytes_ = 0;
  uint64_t warmup_events_ = 0;
  uint64_t warmup_bytes_ = 0;
  Histogram latency_;
  std::vector<uint64_t> events_by_second_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MEASURE_RECORDER_H_
