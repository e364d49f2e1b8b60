#include "server/rpc/request_extras.h"

#include <utility>

#include "server/base/error.h"
#include "server/rpc/event_router.h"
#include "server/rpc/offset_commits.h"

namespace tidemark::rpc {

absl::Status CheckExtras(const RequestExtras& extras, const RpcLimits& limits) {
  if (extras.conditions.count > limits.request_conditions_max) {
    return OverLimit("conditions", "request_conditions_max", limits.request_conditions_max,
                     extras.conditions.count, "conditions");
  }
  if (extras.offset_commits.count > limits.request_offset_commits_max) {
    return OverLimit("offset_commits", "request_offset_commits_max",
                     limits.request_offset_commits_max, extras.offset_commits.count, "entries");
  }
  return absl::OkStatus();
}

absl::Status TakeProducer(const RequestExtras& extras, const RpcLimits& limits,
                          log::AppendRequest& append) {
  if (!extras.producer.has_value()) return absl::OkStatus();
  absl::StatusOr<log::ProducerSequence> producer = DecodeProducer(*extras.producer, limits);
  if (!producer.ok()) return producer.status();
  append.producer = *std::move(producer);
  return absl::OkStatus();
}

absl::Status TakeExtras(const RequestExtras& extras, const ConditionDefaults& defaults,
                        const RpcLimits& limits, const log::Catalog& catalog,
                        DecodedAppend& decoded) {
  if (extras.conditions.count > 0) {
    absl::StatusOr<std::vector<log::KeyCondition>> conditions =
        DecodeConditions(extras.conditions.entries, defaults, limits, catalog);
    if (!conditions.ok()) return conditions.status();
    decoded.request.conditions = *std::move(conditions);
    for (const log::KeyCondition& condition : decoded.request.conditions) {
      decoded.request.fingerprint = ExtendFingerprint(decoded.request.fingerprint, condition);
    }
  }
  if (extras.offset_commits.count > 0) {
    absl::StatusOr<std::vector<groups::GroupOffsets>> commits =
        DecodeOffsetCommits(extras.offset_commits.entries, limits);
    if (!commits.ok()) return commits.status();
    decoded.offset_commits = *std::move(commits);
    decoded.request.fingerprint =
        ExtendFingerprint(decoded.request.fingerprint, decoded.offset_commits);
  }
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
