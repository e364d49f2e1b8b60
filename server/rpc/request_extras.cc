#include "server/rpc/request_extras.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/event_router.h"
#include "server/rpc/offset_commits.h"
#include "tidemark/v1/event_store.pb.h"

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
  const EncodedEntries& pieces = extras.producer;
  if (pieces.count == 0) return absl::OkStatus();
  if (pieces.count > kProducerPiecesMax) {
    return InvalidField("producer", absl::StrCat("is given ", pieces.count, " times"), "MALFORMED");
  }
  std::string merged;
  if (pieces.count > 1) {
    v1::Producer message;
    for (const absl::string_view piece : pieces.entries) {
      if (!message.MergeFromString(std::string(piece))) {
        return InvalidField("producer", "is malformed", "MALFORMED");
      }
    }
    merged = message.SerializeAsString();
  }
  absl::StatusOr<log::ProducerSequence> producer =
      DecodeProducer(pieces.count == 1 ? pieces.entries.front() : merged, limits);
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
