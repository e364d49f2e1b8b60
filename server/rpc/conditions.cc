#include "server/rpc/conditions.h"

#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/delivery/start_resolver.h"
#include "server/rpc/names.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

using Expect = log::KeyCondition::Expect;

absl::Status CheckKey(const v1::Condition& condition, const std::string& field,
                      const RpcLimits& limits) {
  const std::string key_field = absl::StrCat(field, ".key");
  if (condition.key().empty()) return InvalidField(key_field, "is required");
  if (condition.key().size() <= limits.event.key_bytes_max) return absl::OkStatus();
  return OverLimit(key_field, "key_bytes_max", limits.event.key_bytes_max, condition.key().size(),
                   "bytes");
}

absl::StatusOr<log::TopicPtr> TopicOf(const v1::Condition& condition, const std::string& field,
                                      const log::TopicPtr& fixed, const RpcLimits& limits,
                                      const log::Catalog& catalog) {
  const std::string topic_field = absl::StrCat(field, ".topic");
  if (fixed != nullptr) {
    if (condition.topic().empty() || condition.topic() == fixed->name()) return fixed;
    return InvalidField(
        topic_field, absl::StrCat("is \"", condition.topic(), "\", and the request's topic is \"",
                                  fixed->name(), "\". Use Transact for several topics"));
  }
  absl::Status name = CheckName(condition.topic(), limits.name_bytes_max, topic_field);
  if (!name.ok()) return name;
  log::TopicPtr topic = catalog.Find(condition.topic());
  if (topic == nullptr) {
    return NoSuch("topic", condition.topic(), ". Create it, or check the name");
  }
  return topic;
}

absl::Status SetExpectation(const v1::Condition& condition, const std::string& field,
                            log::KeyCondition& out) {
  switch (condition.expect_case()) {
    case v1::Condition::kAbsent:
      out.expect = Expect::kAbsent;
      return absl::OkStatus();
    case v1::Condition::kExists:
      out.expect = Expect::kExists;
      return absl::OkStatus();
    case v1::Condition::kRevision:
      out.expect = Expect::kRevision;
      out.revision = condition.revision().revision();
      return absl::OkStatus();
    case v1::Condition::EXPECT_NOT_SET:
      break;
  }
  return InvalidField(absl::StrCat(field, ".expect"),
                      "is required: absent, exists or revision (or it is of an unknown kind)");
}

absl::StatusOr<log::KeyCondition> Decode(absl::string_view encoded, const std::string& field,
                                         const ConditionDefaults& defaults, const RpcLimits& limits,
                                         const log::Catalog& catalog) {
  v1::Condition condition;
  if (!condition.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return InvalidField(field, "is malformed", "MALFORMED");
  }
  if (absl::Status status = CheckKey(condition, field, limits); !status.ok()) return status;
  absl::StatusOr<log::TopicPtr> topic = TopicOf(condition, field, defaults.topic, limits, catalog);
  if (!topic.ok()) return topic.status();
  if (!(*topic)->record.config.index_keys) return KeysNotIndexed(**topic);
  log::KeyCondition out{.topic = *topic};
  if (absl::Status status = SetExpectation(condition, field, out); !status.ok()) return status;
  const std::optional<uint32_t> partition =
      condition.has_partition() ? std::make_optional(condition.partition()) : defaults.partition;
  if (partition.has_value() && *partition >= (*topic)->partitions()) {
    return delivery::NoSuchPartition(**topic, *partition, absl::StrCat(field, ".partition"));
  }
  out.partition = PartitionIndex(
      partition.value_or(base::PartitionOfKey(condition.key(), (*topic)->partitions())));
  out.key = std::move(*condition.mutable_key());
  return out;
}

}  // namespace

absl::StatusOr<std::vector<log::KeyCondition>> DecodeConditions(
    absl::Span<const absl::string_view> encoded, const ConditionDefaults& defaults,
    const RpcLimits& limits, const log::Catalog& catalog) {
  std::vector<log::KeyCondition> conditions;
  std::set<std::tuple<TopicId, PartitionIndex, std::string>> seen;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const std::string field = absl::StrCat("conditions[", i, "]");
    absl::StatusOr<log::KeyCondition> condition =
        Decode(encoded[i], field, defaults, limits, catalog);
    if (!condition.ok()) return condition.status();
    if (!seen.emplace(condition->topic->id(), condition->partition, condition->key).second) {
      return InvalidField(absl::StrCat(field, ".key"), "is named by a condition before");
    }
    conditions.push_back(*std::move(condition));
  }
  return conditions;
}

absl::Status KeysNotIndexed(const log::Topic& topic) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("topic \"", topic.name(),
                   "\" was created with index_keys: false, so nobody counts what a key has. "
                   "Use a topic with an index, or read with filter.keys"),
      {.reason = "KEYS_NOT_INDEXED",
       .metadata = {{"topic", topic.name()}},
       .preconditions = {{"INDEX_KEYS", absl::StrCat("topics/", topic.name()),
                          "the topic's keys are not indexed"}}});
}

uint32_t ExtendFingerprint(uint32_t fingerprint, const log::KeyCondition& condition) {
  return base::ExtendCrc32c(
      fingerprint, absl::StrCat("condition ", condition.topic->id(), " ", condition.partition, " ",
                                static_cast<int>(condition.expect), " ", condition.revision, " ",
                                condition.key.size(), " ", condition.key));
}

}  // namespace tidemark::rpc
