// Operations: verifying the store.
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/base/error.h"
#include "server/base/executor.h"
#include "server/groups/verify_groups.h"
#include "server/log/verify_erased.h"
#include "server/log/verify_partition.h"
#include "server/log/verify_producers.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/pace.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kTopicsOfPage = 1000;

v1::VerifyFinding::Kind ToProto(log::Finding::Kind kind) {
  switch (kind) {
    case log::Finding::Kind::kEvents:
      return v1::VerifyFinding::KIND_EVENTS;
    case log::Finding::Kind::kOrder:
      return v1::VerifyFinding::KIND_ORDER;
    case log::Finding::Kind::kIndex:
      return v1::VerifyFinding::KIND_INDEX;
    case log::Finding::Kind::kGroup:
      return v1::VerifyFinding::KIND_GROUP;
    case log::Finding::Kind::kProducer:
      return v1::VerifyFinding::KIND_PRODUCER;
  }
  return v1::VerifyFinding::KIND_UNSPECIFIED;
}

v1::VerifyStoreResponse ToProto(const log::VerifyCounts& counts,
                                const std::vector<log::Finding>& findings) {
  v1::VerifyStoreResponse response;
  response.set_events_checked(counts.events);
  response.set_events_total(counts.events_total);
  response.set_bytes_checked(counts.bytes);
  response.set_partitions_checked(counts.partitions);
  response.set_groups_checked(counts.groups);
  response.set_producer_records_checked(counts.producer_records);
  for (const log::Finding& finding : findings) {
    response.add_findings(log::TextOf(finding));
    v1::VerifyFinding& out = *response.add_details();
    out.set_kind(ToProto(finding.kind));
    out.set_topic(finding.topic);
    out.set_partition(finding.partition.value());
    out.set_from_offset(finding.from.value());
    out.set_until_offset(finding.until.value());
    out.set_name(finding.name);
    out.set_description(finding.description);
  }
  return response;
}

std::vector<log::TopicPtr> AllTopics(const log::Catalog& catalog) {
  std::vector<log::TopicPtr> topics;
  std::string after;
  while (true) {
    std::vector<log::TopicPtr> page = catalog.List(after, "", kTopicsOfPage);
    if (page.empty()) return topics;
    after = page.back()->name();
    topics.insert(topics.end(), page.begin(), page.end());
  }
}

absl::StatusOr<uint64_t> CountEvents(log::EventLog& log, const log::Topic& topic) {
  uint64_t events = 0;
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    absl::StatusOr<log::PartitionPtr> partition = log.OpenPartition(topic, PartitionIndex(p));
    if (absl::IsNotFound(partition.status()) || absl::IsDataLoss(partition.status())) continue;
    if (!partition.ok()) return partition.status();
    const log::Partition::Ends ends = (*partition)->ends();
    events += ends.end - ends.start;
  }
  return events;
}

// `only`: this topic; null: everything.
absl::Status VerifyAll(log::EventLog& log, const log::TopicPtr& only,
                       log::VerifyProgress& progress) {
  const std::vector<log::TopicPtr> topics =
      only != nullptr ? std::vector{only} : AllTopics(log.catalog());
  for (const log::TopicPtr& topic : topics) {
    absl::StatusOr<uint64_t> events = CountEvents(log, *topic);
    if (!events.ok()) return events.status();
    progress.counts().events_total += *events;
  }
  for (const log::TopicPtr& topic : topics) {
    for (uint32_t p = 0; p < topic->partitions(); ++p) {
      absl::Status status = log::VerifyPartition(log, topic, PartitionIndex(p), progress);
      if (!status.ok()) return status;
    }
  }
  if (absl::Status status = log::VerifyErasures(log, only, progress); !status.ok()) return status;
  if (absl::Status status = groups::VerifyGroups(log, only, progress); !status.ok()) return status;
  if (only != nullptr) return absl::OkStatus();
  return log::VerifyProducers(log, progress);
}

}  // namespace

absl::Status OperationsService::VerifyStore(
    const v1::VerifyStoreRequest& request,
    absl::FunctionRef<bool(const v1::VerifyStoreResponse&)> write) {
  log::TopicPtr only;
  if (!request.topic().empty()) {
    absl::StatusOr<log::TopicPtr> topic = context_.log.FindTopic(request.topic());
    if (!topic.ok()) return topic.status();
    only = *std::move(topic);
  }
  std::optional<uint64_t> pace;
  if (request.has_bytes_per_second()) {
    pace = request.bytes_per_second();
    if (absl::Status status = CheckPace(*pace); !status.ok()) return status;
  }
  if (verifying_.exchange(true)) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "another call verifies the store; wait until it is done",
                     {.reason = "VERIFY_BUSY"});
  }
  v1::VerifyStoreResponse last;
  log::VerifyProgress progress(
      pace, [&](const log::VerifyCounts& counts, std::vector<log::Finding> findings) {
        last = ToProto(counts, findings);
        if (context_.calls.draining()) return DrainingStatus();
        if (!write(last)) return absl::CancelledError("the client is gone");
        last.clear_findings();
        last.clear_details();
        return absl::OkStatus();
      });
  absl::Status status;
  std::thread([&] {
    base::NameThisThread("verify");
    base::LowerThisThread();
    status = VerifyAll(context_.log, only, progress);
    if (status.ok()) status = progress.Flush();
  }).join();
  verifying_ = false;
  if (!status.ok()) return status;
  last.set_complete(true);
  write(last);
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
