// Consumer groups as tables and as JSON.
#ifndef TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_
#define TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tidemark/admin.h"

namespace tidemark::cli {

// One row for each group.
std::string FormatGroups(const std::vector<GroupSummary>& groups, bool color);

// Settings, members, then committed offset, end, lag and owner of each partition.
std::string FormatGroup(const GroupInfo& group, bool color);

// Durations are seconds, times RFC 3339; what has no value is null.
nlohmann::ordered_json GroupSummaryToJson(const GroupSummary& group);
nlohmann::ordered_json GroupToJson(const GroupInfo& group);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_GROUP_OUTPUT_H_
