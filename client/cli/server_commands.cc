// tidemark server info
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

using NamedLimits = std::vector<std::pair<std::string, uint64_t>>;

NamedLimits NameLimits(const ServerLimits& limits) {
  return {{"event_bytes_max", limits.event_bytes_max},
          {"request_bytes_max", limits.request_bytes_max},
          {"request_events_max", limits.request_events_max},
          {"name_bytes_max", limits.name_bytes_max},
          {"type_bytes_max", limits.type_bytes_max},
          {"key_bytes_max", limits.key_bytes_max},
          {"topic_partitions_max", limits.topic_partitions_max},
          {"partitions_max", limits.partitions_max},
          {"filter_entries_max", limits.filter_entries_max},
          {"group_members_max", limits.group_members_max},
          {"groups_max", limits.groups_max},
          {"queue_bytes_max", limits.queue_bytes_max},
          {"streams_max", limits.streams_max},
          {"request_conditions_max", limits.request_conditions_max},
          {"request_offset_commits_max", limits.request_offset_commits_max},
          {"transact_appends_max", limits.transact_appends_max}};
}

std::string FormatServer(const std::string& server, const ServerInfo& info, bool color) {
  std::string out = FormatFields({{"server", server},
                                  {"version", info.version},
                                  {"store", info.store_id},
                                  {"started", FormatRfc3339(info.start_time)},
                                  {"up for", FormatDurationText(info.time - info.start_time)},
                                  {"features", absl::StrJoin(info.features, ", ")}},
                                 color);
  Table table({{"LIMIT"}, {"VALUE", Table::Align::kRight}, {""}});
  for (const auto& [name, value] : NameLimits(info.limits)) {
    const bool bytes = absl::StrContains(name, "_bytes_") && value >= 1024;
    table.AddRow({name, absl::StrCat(value), bytes ? FormatBytes(value) : ""});
  }
  return absl::StrCat(out, "\n", table.Format(color));
}

nlohmann::ordered_json ServerToJson(const std::string& server, const ServerInfo& info) {
  nlohmann::ordered_json json;
  json["server"] = server;
  json["version"] = info.version;
  json["store_id"] = info.store_id;
  json["start_time"] = FormatRfc3339(info.start_time);
  json["time"] = FormatRfc3339(info.time);
  json["features"] = info.features;
  for (const auto& [name, value] : NameLimits(info.limits)) json["limits"][name] = value;
  return json;
}

ExitCode Info(Context* context) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto info = client->GetServerInfo();
  if (!info.ok()) return context->Fail(info.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatServer(context->server, *info, context->terminal().color_stdout));
  } else {
    context->PrintJson(ServerToJson(context->server, *info));
  }
  return context->Succeed();
}

}  // namespace

void AddServerCommands(CLI::App* root, Context* context) {
  CLI::App* server = root->add_subcommand("server", "Ask about the server");
  server->require_subcommand(1);
  CLI::App* info =
      server->add_subcommand("info", "Show the server's version, store, features and limits");
  info->final_callback([=] { context->run = [=] { return Info(context); }; });
}

}  // namespace tidemark::cli
