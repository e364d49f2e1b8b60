#include "server/log/index_sealer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/executor.h"
#include "server/base/system_clock.h"
#include "server/config/memory_plan.h"
#include "server/log/batch_walk.h"
#include "spdlog/spdlog.h"

namespace tidemark::log {
namespace {

constexpr absl::Duration kRetryPauseMin = absl::Seconds(1);
constexpr absl::Duration kRetryPauseMax = absl::Minutes(1);
constexpr uint64_t kBatchesMax = 16 << 10;  // Of a segment: bounds a row of the terms.

}  // namespace

IndexSealer::IndexSealer(storage::Store& store, const Catalog& catalog, PartitionTable& partitions,
                         const PartitionReader& reader, metrics::Metrics& metrics,
                         std::shared_ptr<OpenBudget> budget)
    : store_(store),
      catalog_(catalog),
      partitions_(partitions),
      reader_(reader),
      metrics_(metrics),
      budget_(std::move(budget)) {
  thread_ = std::thread([this] {
    base::NameThisThread("index");
    Run();
  });
}

IndexSealer::~IndexSealer() { Stop(); }

void IndexSealer::Stop() {
  budget_->Stop();
  if (thread_.joinable()) thread_.join();
}

void IndexSealer::WaitForPass() { absl::MutexLock wait(&pass_mu_); }

void IndexSealer::Run() {
  absl::Duration pause = kRetryPauseMin;
  while (budget_->WaitForWork()) {
    absl::Status status;
    while (status.ok() && !budget_->stopping()) {
      absl::MutexLock pass(&pass_mu_);
      const std::vector<PartitionPtr> chosen = Choose();
      if (chosen.empty()) break;
      absl::StatusOr<size_t> sealed = Pass(chosen);
      status = sealed.status();
      if (sealed.ok() && *sealed == 0) break;  // Deleted or dropped meanwhile.
    }
    if (status.ok()) {
      pause = kRetryPauseMin;
      continue;
    }
    metrics_.index.seal_failures_total.Increment();
    spdlog::error("writing the index of types and keys: {}; tried again in {}", status.ToString(),
                  absl::FormatDuration(pause));
    if (!budget_->Pause(pause)) return;
    pause = std::min(2 * pause, kRetryPauseMax);
    budget_->RequestPass();
  }
}

std::vector<PartitionPtr> IndexSealer::Choose() {
  struct Open {
    PartitionPtr partition;
    int64_t bytes;
  };
  std::vector<PartitionPtr> chosen;
  std::vector<Open> others;
  int64_t left = 0;
  for (PartitionPtr& partition : partitions_.Loaded()) {
    const Partition::IndexState state = partition->index_state();
    if (given_up_.contains(partition->log())) continue;
    if (state.unsealed >= budget_->segment_events()) {
      chosen.push_back(std::move(partition));
    } else if (state.open_bytes > 0) {
      left += state.open_bytes;
      others.push_back({std::move(partition), state.open_bytes});
    }
  }
  if (budget_->over()) {
    std::sort(others.begin(), others.end(),
              [](const Open& a, const Open& b) { return a.bytes > b.bytes; });
    for (Open& open : others) {
      if (left <= budget_->soft() / 2) break;
      left -= open.bytes;
      chosen.push_back(std::move(open.partition));
    }
  }
  std::sort(chosen.begin(), chosen.end(),
            [](const PartitionPtr& a, const PartitionPtr& b) { return a->log() < b->log(); });
  return chosen;
}

absl::StatusOr<size_t> IndexSealer::Pass(const std::vector<PartitionPtr>& partitions) {
  const int64_t begin = base::MonotonicNanos();
  std::unique_ptr<storage::TermWriter> writer = store_.NewTermWriter();
  std::vector<Sealed> sealed;
  for (const PartitionPtr& partition : partitions) {
    absl::StatusOr<std::optional<Offset>> until = SealOne(partition, *writer);
    if (absl::IsDataLoss(until.status())) {
      spdlog::error("log {} is not indexed any more, until the next start: {}",
                    partition->log().value(), until.status().ToString());
      metrics_.index.seal_failures_total.Increment();
      given_up_.insert(partition->log());
      partition->DropOpen();
      continue;
    }
    if (!until.ok()) return until.status();
    if (until->has_value()) sealed.push_back({partition, **until});
  }
  const uint64_t bytes = writer->bytes();
  if (absl::Status status = store_.IngestTerms(std::move(writer)); !status.ok()) return status;
  for (const Sealed& one : sealed) one.partition->Sealed(one.until);
  metrics_.index.segments_total.Increment(static_cast<double>(sealed.size()));
  metrics_.index.written_bytes_total.Increment(static_cast<double>(bytes));
  metrics_.index.seal_seconds.Observe(static_cast<double>(base::MonotonicNanos() - begin) / 1e9);
  return sealed.size();
}

absl::StatusOr<std::optional<Offset>> IndexSealer::SealOne(const PartitionPtr& partition,
                                                           storage::TermWriter& writer) {
  const TopicPtr topic = catalog_.FindByLog(partition->log());
  if (topic == nullptr) return std::nullopt;  // Deleted.
  // The store's mark counts: this object may have been loaded before the last pass.
  absl::StatusOr<Offset> mark = store_.Terms(partition->log())->SealedUntil();
  if (!mark.ok()) return mark.status();
  const Partition::Ends ends = partition->ends();
  const Offset from = std::max(*mark, ends.start);
  if (from >= ends.end) {
    partition->Sealed(*mark);
    return std::nullopt;
  }
  SegmentBuilder builder(topic->record.config.index_keys);
  absl::StatusOr<Offset> until = ReadSegment(*partition, from, ends.end, builder);
  if (!until.ok()) return until.status();
  if (builder.batches() == 0) return std::nullopt;
  builder.WriteTo(writer, partition->log(), *until);
  return *until;
}

absl::StatusOr<Offset> IndexSealer::ReadSegment(const Partition& partition, Offset from,
                                                Offset until, SegmentBuilder& builder) {
  const uint64_t events_max = budget_->segment_events();
  return WalkBatches(
      reader_, store_, partition, from, until,
      [&](const storage::BatchHeader& header, const storage::StoredBatch* batch) {
        if (batch == nullptr || !builder.Add(*batch).ok()) {
          spdlog::error("the batch at offset {} of log {} cannot be read, so it is not indexed",
                        header.base_offset.value(), partition.log().value());
          builder.AddUnread(header);
        }
        return header.end_offset() - from < events_max && builder.batches() < kBatchesMax &&
               builder.bytes() < config::kIndexWorkBytes;
      });
}

absl::Status IndexSealer::SealBefore(const PartitionPtr& partition, Offset offset) {
  absl::MutexLock pass(&pass_mu_);
  while (true) {
    absl::StatusOr<Offset> mark = store_.Terms(partition->log())->SealedUntil();
    if (!mark.ok()) return mark.status();
    if (*mark >= std::min(offset, partition->ends().end)) return absl::OkStatus();
    if (given_up_.contains(partition->log())) {
      return absl::DataLossError(absl::StrCat("log ", partition->log().value(),
                                              " cannot be indexed; see the server's log"));
    }
    if (partition->deleted()) return absl::OkStatus();
    absl::StatusOr<size_t> sealed = Pass({partition});
    if (!sealed.ok()) return sealed.status();
    if (*sealed == 0 && !given_up_.contains(partition->log())) return absl::OkStatus();
  }
}

}  // namespace tidemark::log
