#include "server/rpc/group_settings.h"

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/convert.h"
#include "server/rpc/names.h"
#include "server/rpc/work_messages.h"

namespace tidemark::rpc {
namespace {

constexpr size_t kTopicsMax = 100;

}  // namespace

absl::StatusOr<std::vector<std::string>> GroupTopicsFromProto(
    const google::protobuf::RepeatedPtrField<std::string>& topics, const RpcLimits& limits,
    absl::string_view field) {
  if (topics.size() > static_cast<int>(kTopicsMax)) {
    return OverLimit(field, "group_topics_max", kTopicsMax, topics.size(), "topics");
  }
  for (int i = 0; i < topics.size(); ++i) {
    absl::Status status =
        CheckNameOrPattern(topics[i], limits.name_bytes_max, absl::StrCat(field, "[", i, "]"));
    if (!status.ok()) return status;
  }
  return std::vector<std::string>(topics.begin(), topics.end());
}

absl::StatusOr<std::optional<storage::GroupMode>> GroupModeFromProto(v1::GroupMode mode,
                                                                     absl::string_view field) {
  switch (mode) {
    case v1::GROUP_MODE_UNSPECIFIED:
      return std::nullopt;
    case v1::GROUP_MODE_PARTITION_ORDERED:
      return storage::GroupMode::kPartitionOrdered;
    case v1::GROUP_MODE_KEY_ORDERED:
      return storage::GroupMode::kKeyOrdered;
    case v1::GROUP_MODE_UNORDERED:
      return storage::GroupMode::kUnordered;
    default:
      return InvalidField(field, absl::StrCat("has the unknown value ", static_cast<int>(mode)),
                          "UNKNOWN_ENUM_VALUE");
  }
}

absl::StatusOr<storage::RetryPolicy> RetryFromProto(const v1::RetryPolicy& policy,
                                                    absl::string_view prefix) {
  const auto field = [prefix](absl::string_view name) { return absl::StrCat(prefix, ".", name); };
  storage::RetryPolicy retry;
  const auto micros = [](absl::Duration duration) {
    return static_cast<uint64_t>(absl::ToInt64Microseconds(duration));
  };
  if (policy.has_initial_backoff()) {
    auto backoff = PositiveFromProto(policy.initial_backoff(), field("initial_backoff"));
    if (!backoff.ok()) return backoff.status();
    retry.initial_backoff_us = micros(*backoff);
  }
  if (policy.has_max_backoff()) {
    auto backoff = PositiveFromProto(policy.max_backoff(), field("max_backoff"));
    if (!backoff.ok()) return backoff.status();
    retry.max_backoff_us = micros(*backoff);
  }
  if (policy.has_backoff_factor()) {
    if (!(policy.backoff_factor() >= 1)) {
      return InvalidField(field("backoff_factor"), "is not at least 1");
    }
    retry.backoff_factor = policy.backoff_factor();
  }
  if (policy.has_max_attempts()) {
    if (policy.max_attempts() == 0) {
      return InvalidField(field("max_attempts"), "is 0: at least 1");
    }
    retry.max_attempts = policy.max_attempts();
  }
  retry.block_key_after_dead_letter = policy.block_key_after_dead_letter();
  if (policy.has_lease()) {
    auto lease = LeaseFromProto(policy.lease(), field("lease"));
    if (!lease.ok()) return lease.status();
    if (*lease < absl::Milliseconds(1)) return InvalidField(field("lease"), "is below 1ms");
    retry.lease_us = micros(*lease);
  }
  retry.skip_delayed = policy.skip_delayed();
  return retry;
}

void FillGroupConfig(const storage::GroupRecord& group, v1::GroupConfig& out) {
  out.set_name(group.name);
  for (const std::string& topic : group.topics) out.add_topics(topic);
  if (!group.filter.empty()) FillFilter(group.filter, *out.mutable_filter());
  out.set_mode(group.mode == storage::GroupMode::kKeyOrdered  ? v1::GROUP_MODE_KEY_ORDERED
               : group.mode == storage::GroupMode::kUnordered ? v1::GROUP_MODE_UNORDERED
                                                              : v1::GROUP_MODE_PARTITION_ORDERED);
  v1::RetryPolicy& retry = *out.mutable_retry_policy();
  FillDuration(absl::Microseconds(group.retry.initial_backoff_us),
               *retry.mutable_initial_backoff());
  retry.set_backoff_factor(group.retry.backoff_factor);
  FillDuration(absl::Microseconds(group.retry.max_backoff_us), *retry.mutable_max_backoff());
  if (group.retry.max_attempts.has_value()) retry.set_max_attempts(*group.retry.max_attempts);
  retry.set_block_key_after_dead_letter(group.retry.block_key_after_dead_letter);
  FillDuration(absl::Microseconds(group.retry.lease_us), *retry.mutable_lease());
  retry.set_skip_delayed(group.retry.skip_delayed);
}

}  // namespace tidemark::rpc
