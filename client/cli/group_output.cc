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

// "3m 5s ago", by this machine's clock.
std::string AgoOrDash(const std::optional<absl::Time>& time, absl::Time now) {
  if (!time.has_value()) return "-";
  const absl::Duration ago = absl::Trunc(now - *time, absl::Seconds(1));
  if (ago < absl::Seconds(1)) return "now";
  return absl::StrCat(FormatDurationText(ago), " ago");
}

Json TimeOrNull(const std::optional<absl::Time>& time) {
  return time.has_value() ? Json(FormatRfc3339(*time)) : Json();
}

// Events where they are known, else what cannot be less.
std::string LagText(const std::optional<uint64_t>& events, uint64_t offsets) {
  if (events.has_value()) return GroupDigits(*events);
  return absl::StrCat("<= ", GroupDigits(offsets));
}

std::string StateOf(const GroupInfo& group, absl::Time now) {
  if (group.paused) return absl::StrCat("paused ", AgoOrDash(group.pause_time, now));
  if (group.stalled) {
    return absl::StrCat("STALLED: events wait, last progress ",
                        group.last_progress_time.has_value()
                            ? AgoOrDash(group.last_progress_time, now)
                            : "before the server's start");
  }
  if (group.members.empty()) return "no members";
  return group.lag_events == 0 ? "up to date" : "at work";
}

std::string FormatMembers(const std::vector<GroupMember>& members, absl::Time now, bool color) {
  Table table({{"MEMBER"},
               {"CLIENT"},
               {"ADDRESS"},
               {"JOINED"},
               {"LAST DELIVERY"},
               {"IN FLIGHT", Table::Align::kRight},
               {"OLDEST"}});
  for (const GroupMember& member : members) {
    table.AddRow({member.member_id, member.client_name, member.address,
                  FormatRfc3339(absl::FromUnixSeconds(absl::ToUnixSeconds(member.join_time))),
                  AgoOrDash(member.last_delivery_time, now), GroupDigits(member.in_flight_events),
                  AgoOrDash(member.oldest_unacked_time, now)});
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
               {"IN FLIGHT", Table::Align::kRight},
               {"OWNER"}});
  for (const GroupPartition& p : partitions) {
    table.AddRow({p.topic, absl::StrCat(p.partition),
                  p.committed_offset.has_value() ? absl::StrCat(*p.committed_offset) : "-",
                  absl::StrCat(p.end_offset), LagText(p.lag_events, p.lag_offsets),
                  TimeOrDash(p.lag_time), GroupDigits(p.in_flight_events),
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

std::string FormatGroup(const GroupInfo& group, absl::Time now, bool color) {
  std::string lag = absl::StrCat(LagText(group.lag_events, group.lag_offsets), " events");
  if (group.lag_time.has_value()) absl::StrAppend(&lag, ", ", FormatDurationText(*group.lag_time));
  std::string out = FormatFields(
      {{"group", group.config.name},
       {"topics", absl::StrJoin(group.config.topics, ", ")},
       {"reads", FilterForPeople(group.config.filter)},
       {"mode", NameOf(group.config.mode)},
       {"created", FormatRfc3339(group.create_time)},
       {"state", StateOf(group, now)},
       {"members", absl::StrCat(group.members.size())},
       {"lag", lag},
       {"in flight", absl::StrCat(GroupDigits(group.in_flight_events), " events")},
       {"redelivered",
        absl::StrCat(GroupDigits(group.redelivered_events), " events since the server's start")},
       {"last progress", AgoOrDash(group.last_progress_time, now)}},
      color);
  if (!group.members.empty()) absl::StrAppend(&out, "\n", FormatMembers(group.members, now, color));
  absl::StrAppend(&out, "\n", FormatPartitions(group.partitions, color));
  return out;
}

std::string FormatGroupLine(const GroupInfo& group, absl::Time now) {
  return absl::StrCat(
      FormatRfc3339(absl::FromUnixSeconds(absl::ToUnixSeconds(now))), "  ", StateOf(group, now),
      "  members ", group.members.size(), "  lag ", LagText(group.lag_events, group.lag_offsets),
      " (", TimeOrDash(group.lag_time), ")  in flight ", GroupDigits(group.in_flight_events),
      "  redelivered ", GroupDigits(group.redelivered_events), "\n");
}

std::string FormatSeek(const SeekResult& seek, bool dry_run, bool color) {
  Table table({{"TOPIC"},
               {"PARTITION", Table::Align::kRight},
               {"FROM", Table::Align::kRight},
               {"TO", Table::Align::kRight},
               {"AGAIN", Table::Align::kRight},
               {"SKIPPED", Table::Align::kRight}});
  for (const SeekedPartition& p : seek.partitions) {
    table.AddRow({p.topic, absl::StrCat(p.partition), absl::StrCat(p.from_offset),
                  absl::StrCat(p.to_offset), GroupDigits(p.redelivered_events),
                  GroupDigits(p.skipped_events)});
  }
  return absl::StrCat(
      table.Format(color), "\n", GroupDigits(seek.redelivered_events),
      dry_run ? " events would be delivered again, " : " events are delivered again, ",
      GroupDigits(seek.skipped_events), " skipped\n");
}

Json SeekToJson(const SeekResult& seek, bool dry_run) {
  Json json{{"dry_run", dry_run},
            {"redelivered_events", seek.redelivered_events},
            {"skipped_events", seek.skipped_events},
            {"partitions", Json::array()}};
  for (const SeekedPartition& p : seek.partitions) {
    json["partitions"].push_back({{"topic", p.topic},
                                  {"partition", p.partition},
                                  {"from_offset", p.from_offset},
                                  {"to_offset", p.to_offset},
                                  {"redelivered_events", p.redelivered_events},
                                  {"skipped_events", p.skipped_events}});
  }
  return json;
}

Json GroupConfigToJson(const GroupConfig& config) {
  Json json;
  AddConfig(config, &json);
  const RetryPolicy& retry = config.retry;
  json["retry_policy"] = {
      {"initial_backoff_seconds", SecondsOrNull(retry.initial_backoff)},
      {"backoff_factor", retry.backoff_factor.has_value() ? Json(*retry.backoff_factor) : Json()},
      {"max_backoff_seconds", SecondsOrNull(retry.max_backoff)},
      {"max_attempts", retry.max_attempts.has_value() ? Json(*retry.max_attempts) : Json()},
      {"block_key_after_dead_letter", retry.block_key_after_dead_letter}};
  return json;
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
  json["pause_time"] = TimeOrNull(group.pause_time);
  json["stalled"] = group.stalled;
  json["in_flight_events"] = group.in_flight_events;
  json["redelivered_events"] = group.redelivered_events;
  json["last_progress_time"] = TimeOrNull(group.last_progress_time);
  json["oldest_unacked_time"] = TimeOrNull(group.oldest_unacked_time);
  json["lag_offsets"] = group.lag_offsets;
  json["lag_events"] = OrNull(group.lag_events);
  json["lag_seconds"] = SecondsOrNull(group.lag_time);
  json["members"] = Json::array();
  for (const GroupMember& member : group.members) {
    json["members"].push_back({{"member_id", member.member_id},
                               {"client_name", member.client_name},
                               {"address", member.address},
                               {"join_time", FormatRfc3339(member.join_time)},
                               {"in_flight_events", member.in_flight_events},
                               {"last_delivery_time", TimeOrNull(member.last_delivery_time)},
                               {"oldest_unacked_time", TimeOrNull(member.oldest_unacked_time)}});
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
                                  {"in_flight_events", p.in_flight_events},
                                  {"redelivered_events", p.redelivered_events},
                                  {"last_delivery_time", TimeOrNull(p.last_delivery_time)},
                                  {"oldest_unacked_time", TimeOrNull(p.oldest_unacked_time)}});
  }
  return json;
}

}  // namespace tidemark::cli
