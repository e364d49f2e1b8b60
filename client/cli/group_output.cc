#include "client/cli/group_output.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string NameOf(GroupMode mode) {
  switch (mode) {
    case GroupMode::kKeyOrdered:
      return "key_ordered";
    case GroupMode::kUnordered:
      return "unordered";
    case GroupMode::kUnspecified:
    case GroupMode::kPartitionOrdered:
      return "partition_ordered";
  }
  return "partition_ordered";
}

std::string FilterForPeople(const Filter& filter) {
  if (filter.empty()) return "every event";
  std::string text;
  if (!filter.types.empty()) absl::StrAppend(&text, "types ", absl::StrJoin(filter.types, ", "));
  if (!filter.keys.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "keys ", absl::StrJoin(filter.keys, ", "));
  }
  return text;
}

std::string TimeOrDash(const std::optional<absl::Duration>& duration) {
  return duration.has_value() ? FormatDurationText(*duration) : "-";
}

Json OrNull(const std::optional<uint64_t>& value) {
  return value.has_value() ? Json(*value) : Json();
}

Json SecondsOrNull(const std::optional<absl::Duration>& value) {
  return value.has_value() ? Json(absl::ToDoubleSeconds(*value)) : Json();
}

void AddConfig(const GroupConfig& config, Json* json) {
  (*json)["name"] = config.name;
  (*json)["topics"] = config.topics;
  (*json)["types"] = config.filter.types;
  (*json)["keys"] = config.filter.keys;
  (*json)["mode"] = NameOf(config.mode);
}

std::string FormatMembers(const std::vector<GroupMember>& members, bool color) {
  Table table(
      {{"MEMBER"}, {"CLIENT"}, {"ADDRESS"}, {"JOINED"}, {"IN FLIGHT", Table::Align::kRight}});
  for (const GroupMember& member : members) {
    table.AddRow({member.member_id, member.client_name, member.address,
                  FormatRfc3339(member.join_time), GroupDigits(member.in_flight_events)});
  }
  return table.Format(color);
}

std::string FormatPartitions(const std::vector<GroupPartition>& partitions, bool color) {
  Table table({{"TOPIC"},
               {"PARTITION", Table::Align::kRight},
               {"COMMITTED", Table::Align::kRight},
               {"END", Table::Align::kRight},
               {"LAG", Table::Align::kRight},
               {"LAG TIME", Table::Align::kRight},
               {"OWNER"}});
  for (const GroupPartition& p : partitions) {
    table.AddRow({p.topic, absl::StrCat(p.partition),
                  p.committed_offset.has_value() ? absl::StrCat(*p.committed_offset) : "-",
                  absl::StrCat(p.end_offset), GroupDigits(p.lag_offsets), TimeOrDash(p.lag_time),
                  p.owner.empty() ? "-" : p.owner});
  }
  return table.Format(color);
}

}  // namespace

std::string FormatGroups(const std::vector<GroupSummary>& groups, bool color) {
  if (groups.empty()) return "";
  Table table({{"GROUP"},
               {"TOPICS"},
               {"READS"},
               {"MEMBERS", Table::Align::kRight},
               {"LAG", Table::Align::kRight}});
  for (const GroupSummary& group : groups) {
    table.AddRow({group.config.name, absl::StrJoin(group.config.topics, ", "),
                  FilterForPeople(group.config.filter), absl::StrCat(group.members),
                  GroupDigits(group.lag_offsets)});
  }
  return table.Format(color);
}

std::string FormatGroup(const GroupInfo& group, bool color) {
  std::string lag = absl::StrCat(GroupDigits(group.lag_offsets), " offsets");
  if (group.lag_events.has_value()) {
    absl::StrAppend(&lag, ", ", GroupDigits(*group.lag_events), " events");
  }
  if (group.lag_time.has_value()) absl::StrAppend(&lag, ", ", FormatDurationText(*group.lag_time));
  std::string out = FormatFields({{"group", group.config.name},
                                  {"topics", absl::StrJoin(group.config.topics, ", ")},
                                  {"reads", FilterForPeople(group.config.filter)},
                                  {"mode", NameOf(group.config.mode)},
                                  {"created", FormatRfc3339(group.create_time)},
                                  {"paused", group.paused ? "yes" : "no"},
                                  {"members", absl::StrCat(group.members.size())},
                                  {"lag", lag}},
                                 color);
  if (!group.members.empty()) absl::StrAppend(&out, "\n", FormatMembers(group.members, color));
  absl::StrAppend(&out, "\n", FormatPartitions(group.partitions, color));
  return out;
}

Json GroupSummaryToJson(const GroupSummary& group) {
  Json json;
  AddConfig(group.config, &json);
  json["members"] = group.members;
  json["lag_offsets"] = group.lag_offsets;
  return json;
}

Json GroupToJson(const GroupInfo& group) {
  Json json;
  AddConfig(group.config, &json);
  json["create_time"] = FormatRfc3339(group.create_time);
  json["paused"] = group.paused;
  json["lag_offsets"] = group.lag_offsets;
  json["lag_events"] = OrNull(group.lag_events);
  json["lag_seconds"] = SecondsOrNull(group.lag_time);
  json["members"] = Json::array();
  for (const GroupMember& member : group.members) {
    json["members"].push_back({{"member_id", member.member_id},
                               {"client_name", member.client_name},
                               {"address", member.address},
                               {"join_time", FormatRfc3339(member.join_time)},
                               {"in_flight_events", member.in_flight_events}});
  }
  json["partitions"] = Json::array();
  for (const GroupPartition& p : group.partitions) {
    json["partitions"].push_back({{"topic", p.topic},
                                  {"partition", p.partition},
                                  {"committed_offset", OrNull(p.committed_offset)},
                                  {"start_offset", p.start_offset},
                                  {"end_offset", p.end_offset},
                                  {"lag_offsets", p.lag_offsets},
                                  {"lag_events", OrNull(p.lag_events)},
                                  {"lag_seconds", SecondsOrNull(p.lag_time)},
                                  {"owner", p.owner.empty() ? Json() : Json(p.owner)},
                                  {"in_flight_events", p.in_flight_events}});
  }
  return json;
}

}  // namespace tidemark::cli
