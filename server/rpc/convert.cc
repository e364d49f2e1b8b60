#include "server/rpc/convert.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"
#include "server/base/utf8.h"
#include "server/log/filter.h"

namespace tidemark::rpc {
namespace {

constexpr int64_t kMinSeconds = -62135596800;  // 0001-01-01T00:00:00Z
constexpr int64_t kMaxSeconds = 253402300799;  // 9999-12-31T23:59:59Z
constexpr size_t kDescriptionBytesMax = 1024;

absl::Status UnknownEnum(absl::string_view field, int value) {
  return InvalidField(field, absl::StrCat("has the unknown value ", value), "UNKNOWN_ENUM_VALUE");
}

absl::StatusOr<storage::Durability> DurabilityFromProto(v1::Durability durability,
                                                        absl::string_view field) {
  switch (durability) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_SYNCED:
      return storage::Durability::kSynced;
    case v1::DURABILITY_MEMORY:
      return storage::Durability::kMemory;
    default:
      return UnknownEnum(field, durability);
  }
}

absl::StatusOr<storage::Compression> CompressionFromProto(v1::Compression compression,
                                                          absl::string_view field) {
  switch (compression) {
    case v1::COMPRESSION_UNSPECIFIED:
    case v1::COMPRESSION_NONE:
      return storage::Compression::kNone;
    case v1::COMPRESSION_LZ4:
      return storage::Compression::kLz4;
    case v1::COMPRESSION_ZSTD:
      return storage::Compression::kZstd;
    default:
      return UnknownEnum(field, compression);
  }
}

absl::Status RetentionFromProto(const v1::Retention& retention, absl::string_view field,
                                storage::TopicConfig& out) {
  if (retention.has_max_age()) {
    const std::string name = absl::StrCat(field, ".max_age");
    absl::StatusOr<absl::Duration> max_age = PositiveFromProto(retention.max_age(), name);
    if (!max_age.ok()) return max_age.status();
    // Append times are whole microseconds: what is shorter keeps as little as one of them.
    out.retention_max_age_us =
        static_cast<uint64_t>(std::max<int64_t>(1, absl::ToInt64Microseconds(*max_age)));
  }
  if (retention.has_max_bytes()) {
    if (retention.max_bytes() == 0) {
      return InvalidField(absl::StrCat(field, ".max_bytes"), "is 0: at least 1");
    }
    out.retention_max_bytes = retention.max_bytes();
  }
  return absl::OkStatus();
}

absl::Status CheckEncryption(const v1::TopicConfig& config, const RpcLimits& limits,
                             absl::string_view field) {
  if (!config.encrypt_by_key() || limits.encryption) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat(field,
                   ": this server has no master keys to encrypt with; set "
                   "master_key_file (--master-key-file FILE) and start it "
                   "again"),
      {.reason = "MASTER_KEY_FILE_NOT_SET", .fields = {{std::string(field), "needs master keys"}}});
}

}  // namespace

void FillTime(absl::Time time, google::protobuf::Timestamp& out) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void FillDuration(absl::Duration duration, google::protobuf::Duration& out) {
  out.set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

absl::StatusOr<absl::Time> FromProto(const google::protobuf::Timestamp& time,
                                     absl::string_view field) {
  if (time.seconds() < kMinSeconds || time.seconds() > kMaxSeconds || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    return InvalidField(field, "is not a time between the years 1 and 9999");
  }
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

absl::StatusOr<absl::Duration> PositiveFromProto(const google::protobuf::Duration& duration,
                                                 absl::string_view field) {
  const absl::Duration value =
      absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  if (value <= absl::ZeroDuration()) return InvalidField(field, "is not more than 0");
  return value;
}

v1::Compression ToProto(storage::Compression compression) {
  switch (compression) {
    case storage::Compression::kNone:
      return v1::COMPRESSION_NONE;
    case storage::Compression::kLz4:
      return v1::COMPRESSION_LZ4;
    case storage::Compression::kZstd:
      return v1::COMPRESSION_ZSTD;
  }
  TM_CHECK(false);
}

v1::GapReason ToProto(log::GapReason reason) {
  switch (reason) {
    case log::GapReason::kRetention:
      return v1::GAP_REASON_RETENTION;
    case log::GapReason::kErased:
      return v1::GAP_REASON_ERASED;
    case log::GapReason::kCompacted:
      return v1::GAP_REASON_COMPACTED;
  }
  TM_CHECK(false);
}

v1::Durability ToProto(storage::Durability durability) {
  return durability == storage::Durability::kMemory ? v1::DURABILITY_MEMORY : v1::DURABILITY_SYNCED;
}

absl::StatusOr<storage::TopicConfig> FromProto(const v1::TopicConfig& config,
                                               const RpcLimits& limits, absl::string_view prefix) {
  const auto field = [prefix](absl::string_view name) { return absl::StrCat(prefix, ".", name); };
  storage::TopicConfig out;
  if (config.has_partitions()) {
    if (config.partitions() == 0) return InvalidField(field("partitions"), "is 0: at least 1");
    if (config.partitions() > limits.topic_partitions_max) {
      return OverLimit(field("partitions"), "topic_partitions_max", limits.topic_partitions_max,
                       config.partitions(), "partitions");
    }
    out.partitions = config.partitions();
  }
  absl::StatusOr<storage::Durability> durability =
      DurabilityFromProto(config.durability(), field("durability"));
  if (!durability.ok()) return durability.status();
  out.durability = *durability;
  absl::StatusOr<storage::Compression> compression =
      CompressionFromProto(config.compression(), field("compression"));
  if (!compression.ok()) return compression.status();
  out.compression = *compression;
  absl::Status encryption = CheckEncryption(config, limits, field("encrypt_by_key"));
  if (!encryption.ok()) return encryption;
  absl::Status status = RetentionFromProto(config.retention(), field("retention"), out);
  if (!status.ok()) return status;
  if (config.has_index_keys()) out.index_keys = config.index_keys();
  out.compact = config.compact();
  out.encrypt_by_key = config.encrypt_by_key();
  if (config.description().size() > kDescriptionBytesMax) {
    return OverLimit(field("description"), "description_bytes_max", kDescriptionBytesMax,
                     config.description().size(), "bytes");
  }
  out.description = config.description();
  return out;
}

void FillTopic(const log::Topic& topic, v1::Topic& out) {
  const storage::TopicConfig& config = topic.record.config;
  out.set_name(topic.name());
  out.set_id(topic.id().value());
  FillTime(absl::FromUnixMicros(topic.record.create_time_us), *out.mutable_create_time());
  FillTime(absl::FromUnixMicros(topic.record.update_time_us), *out.mutable_update_time());
  out.mutable_config()->set_partitions(config.partitions);
  out.mutable_config()->set_durability(ToProto(config.durability));
  if (config.retention_max_age_us.has_value()) {
    FillDuration(absl::Microseconds(static_cast<int64_t>(*config.retention_max_age_us)),
                 *out.mutable_config()->mutable_retention()->mutable_max_age());
  }
  if (config.retention_max_bytes.has_value()) {
    out.mutable_config()->mutable_retention()->set_max_bytes(*config.retention_max_bytes);
  }
  out.mutable_config()->set_compression(ToProto(config.compression));
  out.mutable_config()->set_index_keys(config.index_keys);
  out.mutable_config()->set_compact(config.compact);
  out.mutable_config()->set_encrypt_by_key(config.encrypt_by_key);
  out.mutable_config()->set_description(config.description);
}

absl::StatusOr<storage::FilterSpec> FromProto(const v1::Filter& filter, const RpcLimits& limits,
                                              absl::string_view field) {
  storage::FilterSpec spec{.types = {filter.types().begin(), filter.types().end()},
                           .keys = {filter.keys().begin(), filter.keys().end()}};
  absl::Status status = log::CheckFilter(spec, limits.filter_entries_max, limits.event, field);
  if (!status.ok()) return status;
  return spec;
}

void FillFilter(const storage::FilterSpec& filter, v1::Filter& out) {
  for (const std::string& type : filter.types) out.add_types(type);
  for (const std::string& key : filter.keys) out.add_keys(key);
}

absl::StatusOr<delivery::StartSpec> FromProto(const v1::Start& start) {
  switch (start.start_case()) {
    case v1::Start::START_NOT_SET:
    case v1::Start::kEarliest:
      return delivery::StartEarliest{};
    case v1::Start::kLatest:
      return delivery::StartLatest{};
    case v1::Start::kOffsets: {
      const auto& offsets = start.offsets().offsets();
      return delivery::StartOffsets{.offsets = {offsets.begin(), offsets.end()}};
    }
    case v1::Start::kTime: {
      absl::StatusOr<absl::Time> time = FromProto(start.time(), "start.time");
      if (!time.ok()) return time.status();
      return delivery::StartTime{*time};
    }
    case v1::Start::kLastN:
      if (start.last_n() == 0) return InvalidField("start.last_n", "is 0: at least 1");
      return delivery::StartLastN{start.last_n()};
    case v1::Start::kRevision:
      // Of a key that the filter names: read_request.cc knows it.
      return InvalidField("start.revision", "is for Read and Subscribe");
    case v1::Start::kAfterCursor:
      return delivery::StartAfterCursor{start.after_cursor()};
  }
  return InvalidField("start", "is of an unknown kind");
}

}  // namespace tidemark::rpc
