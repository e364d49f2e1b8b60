#include "bench/workload/bounds_workload.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/load/slow_readers.h"
#include "bench/load/topic_admin.h"
#include "bench/workload/append_workload.h"
#include "bench/workload/replay_workload.h"

namespace tidemark::bench {
namespace {

constexpr double kMib = 1 << 20;
constexpr absl::Duration kSlowFor = absl::Seconds(3);  // Until what they get has piled up.

class BoundsRun {
 public:
  BoundsRun(Session& session, const BoundsConfig& config, Reporter& reporter)
      : session_(session), config_(config), reporter_(reporter) {}

  absl::Status Run();

 private:
  absl::Status BulkAppend();
  absl::Status ManyPartitions();
  absl::Status ManyTopics();
  absl::Status ManyProducers();
  absl::Status Replays();
  absl::Status Slow();
  // Reports the largest resident set so far; an error if it is above the limit.
  absl::Status Check(const std::string& after);
  absl::Status Append(AppendConfig append, std::string* topic);

  Session& session_;
  const BoundsConfig& config_;
  Reporter& reporter_;
  const ServerProcess* server_ = nullptr;
  std::string bulk_topic_;
  std::string wide_topic_;
  SlowReaders slow_readers_;
};

absl::Status BoundsRun::Check(const std::string& after) {
  const std::optional<ProcessUsage> usage = server_->Usage();
  if (!usage.has_value()) {
    return absl::FailedPreconditionError("the server's process is not known: give --server-pid");
  }
  const double resident = static_cast<double>(usage->rss_max_bytes) / kMib;
  const auto limit = static_cast<double>(config_.memory_limit_mib);
  reporter_.Add(Result{.name = absl::StrCat("resident after ", after),
                       .value = resident,
                       .unit = "MiB",
                       .config = {{"memory_limit_mib", config_.memory_limit_mib}}});
  if (resident <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrFormat("after %s the server had %.0f MiB resident, and its memory_limit is %.0f MiB",
                      after, resident, limit));
}

absl::Status BoundsRun::Append(AppendConfig append, std::string* topic) {
  reporter_.Begin(append.name);
  const auto result = MeasureAppend(*server_, std::move(append), session_.Durability(), topic);
  if (!result.ok()) return result.status();
  reporter_.Add(*result);
  return Check(result->name);
}

absl::Status BoundsRun::BulkAppend() {
  return Append({.name = "bulk append",
                 .seconds = config_.seconds,
                 .shape = {.keys = config_.keys},
                 .producers = 2,
                 .inflight = 16,
                 .partitions = 16},
                &bulk_topic_);
}

absl::Status BoundsRun::ManyPartitions() {
  // Ten requests for each partition, so that every one is evicted and loaded again.
  return Append({.name = absl::StrCat(config_.partitions, " partitions"),
                 .events = uint64_t{config_.partitions} * 10 * 4,
                 .batch_events = 4,
                 .inflight = 256,
                 .partitions = config_.partitions,
                 .by_partition = true},
                &wide_topic_);
}

absl::Status BoundsRun::ManyTopics() {
  const std::string name = absl::StrCat(config_.topics, " topics");
  reporter_.Begin(name);
  absl::Status status = CreateTopics(server_->address(), FreshTopicName("bounds"), config_.topics);
  return status.ok() ? Check(name) : status;
}

absl::Status BoundsRun::ManyProducers() {
  // Each twice: the second time some of them are no longer in memory.
  return Append({.name = absl::StrCat(config_.producers, " producers"),
                 .events = config_.producers * 2,
                 .batch_events = 1,
                 .inflight = 256,
                 .idempotent = true,
                 .producer_ids = config_.producers},
                nullptr);
}

absl::Status BoundsRun::Replays() {
  for (const auto& [name, topic] : {std::pair<std::string, std::string>{"replays", bulk_topic_},
                                    {"replay of every partition", wide_topic_}}) {
    reporter_.Begin(name);
    const auto result = MeasureReplay(*server_, {.name = name, .topic = topic, .readers = 4});
    if (!result.ok()) return result.status();
    reporter_.Add(*result);
    if (absl::Status status = Check(name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status BoundsRun::Slow() {
  const std::string name = absl::StrCat(config_.slow_readers, " slow readers");
  reporter_.Begin(name);
  absl::Status status = slow_readers_.Open(server_->address(), bulk_topic_, config_.slow_readers);
  if (!status.ok()) return status;
  absl::SleepFor(kSlowFor);
  if (status = Check(name); !status.ok()) return status;
  // And the work goes on beside them.
  return Append({.name = absl::StrCat("append beside ", name),
                 .seconds = config_.seconds / 4,
                 .shape = {.keys = config_.keys},
                 .partitions = 16},
                nullptr);
}

absl::Status BoundsRun::Run() {
  const std::string limit = absl::StrCat(config_.memory_limit_mib, "MiB");
  session_.SetServerFlags({"--memory-limit", limit});
  auto server = session_.Tidemark();
  if (!server.ok()) return server.status();
  server_ = *server;
  absl::Status status = Check("the start");
  for (const auto step :
       {&BoundsRun::BulkAppend, &BoundsRun::ManyPartitions, &BoundsRun::ManyTopics,
        &BoundsRun::ManyProducers, &BoundsRun::Replays, &BoundsRun::Slow}) {
    if (status.ok()) status = (this->*step)();
  }
  return status;
}

}  // namespace

absl::Status RunBounds(Session& session, const BoundsConfig& config, Reporter& reporter) {
  return BoundsRun(session, config, reporter).Run();
}

}  // namespace tidemark::bench
