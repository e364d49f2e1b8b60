#include "bench/workload/grow_workload.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/load/read_load.h"
#include "bench/load/seek_load.h"
#include "bench/load/topic_admin.h"
#include "bench/measure/table.h"
#include "bench/process/cost_meter.h"

namespace tidemark::bench {
namespace {

constexpr double kGoal = 0.05;  // Within 5 %.
constexpr int kSamples = 3;     // The median of so many.

class GrowRun {
 public:
  GrowRun(Session& session, const GrowConfig& config, Reporter& reporter)
      : session_(session), config_(config), reporter_(reporter) {}

  absl::Status Run();
  std::vector<GoalCheck> Goals() const;

 private:
  struct Point {
    Result append;
    Result replay;
    Result seek;
  };
  absl::Status GrowTo(uint64_t events);
  absl::StatusOr<Point> MeasureAt(uint64_t events);
  absl::StatusOr<Result> Append(uint64_t events, const std::string& name);
  absl::StatusOr<Result> Replay(uint64_t history, const std::string& name);
  absl::StatusOr<Result> Seek(uint64_t history, const std::string& name);
  void Report(Point point);

  Session& session_;
  const GrowConfig& config_;
  Reporter& reporter_;
  const ServerProcess* server_ = nullptr;
  std::string topic_;
  uint64_t stored_ = 0;
  std::mt19937_64 random_{1};
  std::vector<Point> points_;
};

Result MedianOf(std::vector<Result> samples) {
  std::sort(samples.begin(), samples.end(),
            [](const Result& a, const Result& b) { return a.value < b.value; });
  return std::move(samples[samples.size() / 2]);
}

absl::StatusOr<Result> GrowRun::Append(uint64_t events, const std::string& name) {
  AppendConfig append = config_.append;
  append.name = name;
  append.events = events;
  append.topic = topic_;
  absl::StatusOr<Result> result = MeasureAppend(*server_, append, session_.Durability(), &topic_);
  if (result.ok()) stored_ += result->events;
  return result;
}

absl::StatusOr<Result> GrowRun::Replay(uint64_t history, const std::string& name) {
  std::vector<Result> samples;
  for (int i = 0; i < kSamples; ++i) {
    const uint64_t events = std::min(config_.sample_events, history);
    const uint64_t from = random_() % (history - events + 1);
    const ReadLoad load = {
        .address = server_->address(), .topic = topic_, .max_events = events, .start_offset = from};
    if (const auto first = RunReadLoad(load); !first.ok()) return first.status();
    const CostMeter meter(*server_);
    const auto run = RunReadLoad(load);
    if (!run.ok()) return run.status();
    samples.push_back({.name = name,
                       .value = run->BytesPerSecond() / 1e6,
                       .unit = "MB/s",
                       .latency_of = "gap between messages",
                       .percentiles = PercentilesOf(run->latency()),
                       .seconds = run->Seconds(),
                       .events = events,
                       .bytes = run->bytes(),
                       .durability = kReadOnly,
                       .cost = meter.Stop(events, run->bytes())});
  }
  return MedianOf(std::move(samples));
}

absl::StatusOr<Result> GrowRun::Seek(uint64_t history, const std::string& name) {
  const SeekLoad load = {.address = server_->address(),
                         .topic = topic_,
                         .offsets_until = history,
                         .seeks = config_.seeks,
                         .seed = random_()};
  if (const auto first = RunSeeks(load); !first.ok()) return first.status();
  const CostMeter meter(*server_);
  const absl::StatusOr<Recorder> run = RunSeeks(load);
  if (!run.ok()) return run.status();
  const Percentiles percentiles = PercentilesOf(run->latency());
  return Result{.name = name,
                .value = percentiles.p50_us,
                .unit = "us",
                .latency_of = "Read of one event at a random offset",
                .percentiles = percentiles,
                .seconds = run->Seconds(),
                .events = config_.seeks,
                .durability = kReadOnly,
                .cost = meter.Stop(config_.seeks, 0)};
}

absl::Status GrowRun::GrowTo(uint64_t events) {
  const uint64_t samples = config_.sample_events * kSamples;
  if (stored_ + samples >= events) return absl::OkStatus();
  reporter_.Begin(absl::StrCat("append up to ", HumanNumber(static_cast<double>(events))));
  return Append(events - stored_ - samples, "append (to grow)").status();
}

absl::StatusOr<GrowRun::Point> GrowRun::MeasureAt(uint64_t events) {
  const std::string at = absl::StrCat(" at ", HumanNumber(static_cast<double>(events)), " events");
  reporter_.Begin(absl::StrCat("append", at));
  if (absl::Status status = session_.ForgetCachedPages(); !status.ok()) return status;
  std::vector<Result> appends;
  while (appends.size() < kSamples) {
    const uint64_t left = events > stored_ ? events - stored_ : config_.sample_events;
    auto append = Append(std::min(config_.sample_events, left), absl::StrCat("append", at));
    if (!append.ok()) return append.status();
    appends.push_back(*std::move(append));
  }
  reporter_.Begin(absl::StrCat("replay", at));
  auto replay = Replay(stored_, absl::StrCat("replay", at));
  if (!replay.ok()) return replay.status();
  reporter_.Begin(absl::StrCat("seek", at));
  auto seek = Seek(stored_, absl::StrCat("seek", at));
  if (!seek.ok()) return seek.status();
  return Point{MedianOf(std::move(appends)), *std::move(replay), *std::move(seek)};
}

void GrowRun::Report(Point point) {
  for (const auto& [work, result] : {std::pair<const char*, Result*>{"append", &point.append},
                                     {"replay", &point.replay},
                                     {"seek time", &point.seek}}) {
    result->config["work"] = work;
    result->config["history_events"] = stored_;
  }
  if (!points_.empty()) {
    const Point& first = points_.front();
    CompareTo(first.append, point.append);
    CompareTo(first.replay, point.replay);
    CompareTo(first.seek, point.seek);
  }
  reporter_.Add(point.append);
  reporter_.Add(point.replay);
  reporter_.Add(point.seek);
  points_.push_back(std::move(point));
}

absl::Status GrowRun::Run() {
  auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  server_ = *server;
  for (const uint64_t events : config_.events) {
    if (absl::Status status = GrowTo(events); !status.ok()) return status;
    auto point = MeasureAt(events);
    if (!point.ok()) return point.status();
    Report(*std::move(point));
  }
  return absl::OkStatus();
}

std::vector<GoalCheck> GrowRun::Goals() const {
  if (points_.size() < 2) return {};
  const Point& last = points_.back();
  const std::string histories =
      absl::StrCat(", history of ", HumanNumber(static_cast<double>(config_.events.back())),
                   " events / of ", HumanNumber(static_cast<double>(config_.events.front())));
  return {{7, absl::StrCat("append", histories), last.append.ratio.value_or(0), 1 - kGoal,
           GoalSense::kAtLeast, "x"},
          {7, absl::StrCat("replay", histories), last.replay.ratio.value_or(0), 1 - kGoal,
           GoalSense::kAtLeast, "x"},
          {7, absl::StrCat("seek time", histories), last.seek.ratio.value_or(0), 1 + kGoal,
           GoalSense::kAtMost, "x"}};
}

}  // namespace

absl::StatusOr<std::vector<GoalCheck>> MeasureGrow(Session& session, const GrowConfig& config,
                                                   Reporter& reporter) {
  GrowRun run(session, config, reporter);
  if (absl::Status status = run.Run(); !status.ok()) return status;
  return run.Goals();
}

}  // namespace tidemark::bench
