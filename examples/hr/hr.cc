#include "examples/hr/hr.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tidemark/errors.h"
#include "tidemark/producer.h"

namespace hr_example {
namespace {

std::string RecordOf(size_t n, const tidemark::Event& event, const tidemark::Ack& ack,
                     int64_t sent_us) {
  return absl::StrCat("acked\t", n, "\t", ack.partition, "\t", ack.offset, "\t", sent_us, "\t",
                      MonotonicUs() - sent_us, "\t", event.id);
}

}  // namespace

absl::Status RunHr(const tidemark::Client& client, const std::vector<tidemark::Event>& events,
                   double events_per_s, LineFile& record) {
  std::atomic<size_t> failed = 0;  // Before the producer, whose callbacks use it to the end.
  // No linger: each event goes out at once, as it happens.
  auto producer = tidemark::Producer::Open(client, "hr", {.linger = absl::ZeroDuration()});
  if (!producer.ok()) return producer.status();

  const auto begin = std::chrono::steady_clock::now();
  for (size_t n = 0; n < events.size(); ++n) {
    const std::chrono::duration<double> due(static_cast<double>(n) / events_per_s);
    std::this_thread::sleep_until(begin + due);
    const int64_t sent_us = MonotonicUs();
    absl::Status taken =
        (*producer)->Send(events[n], [&, n, sent_us](absl::StatusOr<tidemark::Ack> ack) {
          absl::Status done = ack.status();
          if (done.ok()) done = record.Append(RecordOf(n, events[n], *ack, sent_us));
          if (done.ok()) return;
          ++failed;
          std::puts(tidemark::Explain(done).c_str());
        });
    if (!taken.ok()) return taken;
  }
  if (absl::Status status = (*producer)->Close(); !status.ok()) return status;
  if (failed > 0) return absl::AbortedError(absl::StrCat(failed.load(), " events failed"));
  return absl::OkStatus();
}

}  // namespace hr_example
