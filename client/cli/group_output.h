// Consumer groups as tables and as JSON.
#ifndef TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_
#define TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tidemark/admin.h"

namespace tidemark::cli {

// One row for each group.
std::string FormatGroups(const std::vector<GroupSummary>& groups, bool color);

// Settings and state, members, then committed offset, end, lag and owner of each partition. Times
// are told as of `now`, this machine's clock.
std::string FormatGroup(const GroupInfo& group, absl::Time now, bool color);
// The state in one line, for a log.
std::string FormatGroupLine(const GroupInfo& group, absl::Time now);
// What a seek moved, or would move, and a sum.
std::string FormatSeek(const SeekResult& seek, bool dry_run, bool color);

// Durations are seconds, times RFC 3339; what has no value is null.
nlohmann::ordered_json GroupSummaryToJson(const GroupSummary& group);
nlohmann::ordered_json GroupToJson(const GroupInfo& group);
nlohmann::ordered_json GroupConfigToJson(const GroupConfig& config);
nlohmann::ordered_json SeekToJson(const SeekResult& seek, bool dry_run);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_
