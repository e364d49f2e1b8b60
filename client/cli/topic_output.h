// Topics as tables and as JSON, and settings of topics as text.
#ifndef TIDEMARK_CLIENT_CLI_TOPIC_OUTPUT_H_
#define TIDEMARK_CLIENT_CLI_TOPIC_OUTPUT_H_

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"

namespace tidemark::cli {

// Events that can be read, over all partitions.
uint64_t CountEvents(const std::vector<Watermarks>& watermarks);

// One row for each topic; `watermarks[i]` belongs to `topics[i]`.
std::string FormatTopics(const std::vector<TopicInfo>& topics,
                         const std::vector<std::vector<Watermarks>>& watermarks, bool color);

// The settings, then one row for each partition.
std::string FormatTopic(const TopicInfo& topic, const std::vector<Watermarks>& watermarks,
                        bool color);

// Durations are seconds, times RFC 3339; what has no value is null.
nlohmann::ordered_json TopicToJson(const TopicInfo& topic,
                                   const std::vector<Watermarks>* watermarks);

// "forever" or a duration ("30d").
absl::StatusOr<absl::Duration> ParseMaxAge(absl::string_view text);

// "unlimited" (the largest number), or bytes with an optional unit: "512MiB", "10GB", "4096".
absl::StatusOr<uint64_t> ParseMaxBytes(absl::string_view text);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TOPIC_OUTPUT_H_
