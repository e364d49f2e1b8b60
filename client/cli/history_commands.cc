// tidemark topic types, tidemark key show: what there is of a type or a key.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cli/cloud_event_write.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/event_printer.h"
#include "client/cli/selection.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

ExitCode Types(Context* context, const std::string& topic) {
  context->error.topic = topic;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto types = client->ListEventTypes(topic);
  if (!types.ok()) return context->Fail(types.status());
  if (context->AdminFormat() == Format::kTable) {
    Table table({{"TYPE"}, {"EVENTS", Table::Align::kRight}, {"FIRST"}, {"LAST"}});
    for (const EventTypeInfo& type : *types) {
      table.AddRow({type.type, GroupDigits(type.count), FormatRfc3339(type.first_time),
                    FormatRfc3339(type.last_time)});
    }
    if (types->empty()) {
      context->Note("no events; append some: tidemark append TOPIC");
    } else {
      context->out().Write(table.Format(context->terminal().color_stdout));
    }
    return context->Succeed();
  }
  Json json = Json::array();
  for (const EventTypeInfo& type : *types) {
    json.push_back({{"type", type.type},
                    {"events", type.count},
                    {"first_time", FormatRfc3339(type.first_time)},
                    {"last_time", FormatRfc3339(type.last_time)}});
  }
  context->PrintJsonList(json);
  return context->Succeed();
}

struct KeyArguments {
  std::string topic;
  std::string key;
  uint64_t limit = 100;
  std::optional<uint64_t> revision;  // Unset: the newest.
};

// Calls `print` for each event; it returns false when nobody reads any more.
template <typename Print>
absl::Status ForEachEvent(const Client& client, const KeyArguments& arguments, const KeyInfo& key,
                          Print print) {
  ReadOptions options;
  options.partitions = {key.partition};
  options.filter.keys = {arguments.key};
  options.start = arguments.revision ? Start::FromRevision(*arguments.revision)
                                     : Start::FromLastN(arguments.limit);
  options.events_max = arguments.limit;
  options.give_up_after = absl::Seconds(15);
  Reader reader(client, arguments.topic, options);
  while (std::optional<StreamItem> item = reader.Next()) {
    const auto* batch = std::get_if<Batch>(&*item);
    if (batch == nullptr) continue;
    for (const ReceivedEvent& event : *batch) {
      if (!print(event)) return absl::OkStatus();
    }
  }
  return reader.status();
}

ExitCode PrintHistory(Context* context, const Client& client, const KeyArguments& arguments,
                      const KeyInfo& key) {
  const Terminal& terminal = context->terminal();
  context->out().Write(absl::StrCat(
      FormatFields({{"key", arguments.key},
                    {"topic", arguments.topic},
                    {"partition", absl::StrCat(key.partition)},
                    {"events",
                     absl::StrCat(GroupDigits(key.revision + 1), " (revision ", key.revision, ")")},
                    {"offsets", absl::StrCat(key.first_offset, " to ", key.last_offset)}},
                   terminal.color_stdout),
      "\n"));
  EventPrinter printer(Format::kTable, terminal, &context->out());
  const absl::Status status = ForEachEvent(
      client, arguments, key, [&](const ReceivedEvent& event) { return printer.Print(event); });
  printer.Finish();
  return status.ok() ? context->Succeed() : context->Fail(status);
}

ExitCode PrintHistoryJson(Context* context, const Client& client, const KeyArguments& arguments,
                          const KeyInfo& key) {
  Json json{{"topic", arguments.topic},         {"key", arguments.key},
            {"partition", key.partition},       {"revision", key.revision},
            {"first_offset", key.first_offset}, {"last_offset", key.last_offset},
            {"events", Json::array()}};
  const absl::Status status = ForEachEvent(client, arguments, key, [&](const ReceivedEvent& event) {
    std::string text;
    AppendCloudEvent(event, FormatRfc3339(event.append_time), &text);
    json["events"].push_back(Json::parse(text));
    return true;
  });
  if (!status.ok()) return context->Fail(status);
  context->PrintJson(json);
  return context->Succeed();
}

ExitCode ShowKey(Context* context, const KeyArguments& arguments) {
  context->error.topic = arguments.topic;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto key = client->GetKey(arguments.topic, arguments.key);
  if (!key.ok()) return context->Fail(key.status());
  return context->AdminFormat() == Format::kTable
             ? PrintHistory(context, *client, arguments, *key)
             : PrintHistoryJson(context, *client, arguments, *key);
}

}  // namespace

void AddTopicTypesCommand(CLI::App* topic, Context* context) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = topic->add_subcommand(
      "types", "List the types of a topic's events: how many, the first and the last");
  command->add_option("TOPIC", *name, "The topic")->required();
  command->final_callback([=] { context->run = [=] { return Types(context, *name); }; });
}

void AddKeyCommands(CLI::App* root, Context* context) {
  CLI::App* key = root->add_subcommand("key", "Show what is stored of one key");
  key->require_subcommand(1);
  auto arguments = std::make_shared<KeyArguments>();
  CLI::App* show = key->add_subcommand("show", "Show a key: its revision, and its history");
  show->add_option("TOPIC", arguments->topic, "The topic")->required();
  show->add_option("KEY", arguments->key, "The key")->required();
  AddCount(show, "--limit", &arguments->limit,
           "At most N events, the newest without --from-revision. Default: 100");
  show->add_option("--from-revision", arguments->revision,
                   "From this one on (0: the key's first event) instead of the newest")
      ->type_name("REVISION");
  show->footer(
      "Examples:\n"
      "  tidemark key show hr employee-10001\n"
      "  tidemark key show hr employee-10001 --from-revision 0 --limit 10");
  show->final_callback([=] { context->run = [=] { return ShowKey(context, *arguments); }; });
}

}  // namespace tidemark::cli
