#include "bench/measure/recorder.h"

#include <algorithm>

#include "bench/measure/clock.h"
#include "bench/measure/progress.h"

namespace tidemark::bench {

void Recorder::Complete(int64_t end_ns, int64_t latency_ns, uint64_t events, uint64_t bytes) {
  if (shown_) Progress::OfProcess().Add(events, bytes);
  if (end_ns < start_ns_) {
    warmup_events_ += events;
    warmup_bytes_ += bytes;
    return;
  }
  latency_.Record(latency_ns);
  events_ += events;
  bytes_ += bytes;
  last_ns_ = std::max(last_ns_, end_ns);
  const size_t second = static_cast<size_t>((end_ns - start_ns_) / kNsPerSecond);
  if (second >= events_by_second_.size()) events_by_second_.resize(second + 1);
  events_by_second_[second] += events;
}

void Recorder::Merge(const Recorder& other) {
  latency_.Merge(other.latency_);
  events_ += other.events_;
  bytes_ += other.bytes_;
  warmup_events_ += other.warmup_events_;
  warmup_bytes_ += other.warmup_bytes_;
  last_ns_ = std::max(last_ns_, other.last_ns_);
  const size_t seconds = std::max(events_by_second_.size(), other.events_by_second_.size());
  events_by_second_.resize(seconds);
  for (size_t i = 0; i < other.events_by_second_.size(); ++i) {
    events_by_second_[i] += other.events_by_second_[i];
  }
}

double Recorder::Seconds() const {
  return last_ns_ <= start_ns_ ? 0 : NsToSeconds(last_ns_ - start_ns_);
}

double Recorder::PerSecond(uint64_t amount) const {
  const double seconds = Seconds();
  return seconds <= 0 ? 0 : static_cast<double>(amount) / seconds;
}

double Recorder::EventsPerSecond() const { return PerSecond(events_); }
double Recorder::BytesPerSecond() const { return PerSecond(bytes_); }
double Recorder::CompletionsPerSecond() const { return PerSecond(latency_.count()); }

}  // namespace tidemark::bench
