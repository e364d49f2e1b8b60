#include "bench/load/paced_replays.h"

#include <atomic>
#include <list>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/measure/clock.h"
#include "bench/measure/pacer.h"

namespace tidemark::bench {
namespace {

// The first replay begins after its reader has connected.
constexpr double kReplayLeadInSeconds = 0.02;
constexpr double kLateSecondsMax = 5;
constexpr int kLateInARowMax = 50;

// One replay, on a thread of its own from Begin on; ended before it goes.
class Replay {
 public:
  Replay(const ReadLoad& load, int64_t count_from_ns)
      : decodes_(load.parse),
        reader_(load),
        figures_{Recorder(count_from_ns), Recorder(count_from_ns), Recorder(count_from_ns)} {}
  ~Replay() {
    if (!thread_.joinable()) return;
    reader_.Cancel();
    thread_.join();
  }

  void Begin(int64_t intended_ns) {
    thread_ = std::thread([this, intended_ns] {
      Run(intended_ns);
      ended_ = true;
    });
  }
  bool ended() const { return ended_; }
  // Waits for its end.
  absl::Status AddTo(ReplayFigures& total);

 private:
  void Run(int64_t intended_ns);

  const bool decodes_;
  TopicReader reader_;
  ReplayFigures figures_;
  absl::Status status_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

void Replay::Run(int64_t intended_ns) {
  int64_t previous_ns = intended_ns;
  bool has_first = false;
  status_ = reader_.Run([&](uint64_t events, uint64_t bytes) {
    const int64_t now = NowNs();
    figures_.messages.Complete(now, now - previous_ns, events, bytes);
    previous_ns = now;
    if (has_first || (decodes_ && events == 0)) return;
    has_first = true;
    figures_.first.Complete(now, now - intended_ns, 0, 0);
  });
  const int64_t now = NowNs();
  figures_.whole.Complete(now, now - intended_ns, 0, 0);
}

absl::Status Replay::AddTo(ReplayFigures& total) {
  thread_.join();
  total.first.Merge(figures_.first);
  total.whole.Merge(figures_.whole);
  total.messages.Merge(figures_.messages);
  return status_;
}

// Merges the replays that have ended, or all of them.
absl::Status Collect(std::list<Replay>& replays, bool all, ReplayFigures& total) {
  for (auto replay = replays.begin(); replay != replays.end();) {
    if (!all && !replay->ended()) {
      ++replay;
      continue;
    }
    if (absl::Status status = replay->AddTo(total); !status.ok()) return status;
    replay = replays.erase(replay);
  }
  return absl::OkStatus();
}

// Connecting takes its time, too: replays that all come much too late say nothing of the server. A
// few do where the machine stood still for a while.
class Lateness {
 public:
  absl::Status Check(const Pacer& pacer, const PacedReplays& load, uint64_t number) {
    const double late = NsToSeconds(NowNs() - pacer.IntendedNs(number));
    late_in_a_row_ = late < kLateSecondsMax ? 0 : late_in_a_row_ + 1;
    if (late_in_a_row_ < kLateInARowMax) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrFormat(
        "replay %d begins %.1f s late: this client does not keep %g replays a second; give a lower "
        "--rate",
        number, late, load.replays_per_second));
  }

 private:
  int late_in_a_row_ = 0;
};

}  // namespace

absl::StatusOr<ReplayFigures> RunPacedReplays(const PacedReplays& load) {
  if (load.replays_per_second <= 0) {
    return absl::InvalidArgumentError("the rate of replays must be above 0");
  }
  const int64_t start_ns = NowNs() + SecondsToNs(kReplayLeadInSeconds);
  const int64_t count_from_ns = start_ns + SecondsToNs(load.warmup_seconds);
  ReplayFigures total{Recorder(count_from_ns), Recorder(count_from_ns), Recorder(count_from_ns)};
  std::list<Replay> under_way;
  const Pacer pacer(start_ns, load.replays_per_second);
  Lateness lateness;
  for (uint64_t i = 0; i < load.replays; ++i) {
    if (absl::Status status = Collect(under_way, /*all=*/false, total); !status.ok()) return status;
    if (under_way.size() >= kReplaysUnderWayMax) {
      return absl::ResourceExhaustedError(absl::StrCat(
          kReplaysUnderWayMax, " replays have not ended: the server does not keep ",
          load.replays_per_second, " replays a second; give a lower --rate or fewer --events"));
    }
    if (absl::Status status = lateness.Check(pacer, load, i); !status.ok()) return status;
    Replay& replay = under_way.emplace_back(load.read, count_from_ns);
    replay.Begin(pacer.Await(i));
  }
  if (absl::Status status = Collect(under_way, /*all=*/true, total); !status.ok()) return status;
  return total;
}

}  // namespace tidemark::bench
