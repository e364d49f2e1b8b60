#include "bench/workload/live_line.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "bench/measure/clock.h"
#include "bench/measure/progress.h"
#include "bench/measure/table.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(500);
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

std::string LiveText(const std::string& what, double seconds, double events_per_second,
                     double bytes_per_second) {
  std::string text = absl::StrFormat("%s ... %.0f s", what, seconds);
  if (events_per_second > 0) {
    absl::StrAppend(&text, ", ", HumanNumber(events_per_second), " events/s");
  } else if (bytes_per_second > 0) {
    absl::StrAppend(&text, ", ", HumanNumber(bytes_per_second / 1e6), " MB/s");
  }
  return text;
}

LiveLine::LiveLine() : thread_([this] { Run(); }) {}

LiveLine::~LiveLine() {
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
  }
  thread_.join();
  std::cerr << kClearLine << std::flush;
}

void LiveLine::Show(const std::string& what) {
  absl::MutexLock lock(&mu_);
  what_ = what;
  since_ns_ = NowNs();
  std::cerr << kClearLine << what << " ..." << std::flush;
}

void LiveLine::Run() {
  const Progress& progress = Progress::OfProcess();
  int64_t previous_ns = NowNs();
  uint64_t events = progress.events();
  uint64_t bytes = progress.bytes();
  absl::MutexLock lock(&mu_);
  while (!mu_.AwaitWithTimeout(absl::Condition(&ended_), kTurn)) {
    const int64_t now = NowNs();
    const double turn = NsToSeconds(now - previous_ns);
    const uint64_t events_now = progress.events();
    const uint64_t bytes_now = progress.bytes();
    if (!what_.empty()) {
      std::cerr << kClearLine
                << LiveText(what_, NsToSeconds(now - since_ns_),
                            static_cast<double>(events_now - events) / turn,
                            static_cast<double>(bytes_now - bytes) / turn)
                << std::flush;
    }
    previous_ns = now;
    events = events_now;
    bytes = bytes_now;
  }
}

}  // namespace tidemark::bench
