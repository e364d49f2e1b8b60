// tidemark group list | show | commit; the others are in group_control_commands.cc and
// group_watch_command.cc.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/group_output.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

struct CommitOptions {
  std::string group;
  GroupOffset offset;
  bool allow_rewind = false;
};

ExitCode List(Context* context, const std::string& prefix) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto groups = client->ListGroups(prefix);
  if (!groups.ok()) return context->Fail(groups.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatGroups(*groups, context->terminal().color_stdout));
    if (groups->empty()) {
      context->Note("no groups; one is created by tidemark consume TOPIC --group NAME");
    }
    return context->Succeed();
  }
  auto json = nlohmann::ordered_json::array();
  for (const GroupSummary& group : *groups) json.push_back(GroupSummaryToJson(group));
  context->PrintJsonList(json);
  return context->Succeed();
}

ExitCode Show(Context* context, const std::string& name) {
  context->error.group = name;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto group = client->GetGroup(name);
  if (!group.ok()) return context->Fail(group.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatGroup(*group, absl::Now(), context->terminal().color_stdout));
  } else {
    context->PrintJson(GroupToJson(*group));
  }
  return context->Succeed();
}

ExitCode Commit(Context* context, const CommitOptions& options) {
  context->error.group = options.group;
  context->error.topic = options.offset.topic;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const absl::Status committed =
      client->CommitOffsets(options.group, {options.offset}, options.allow_rewind);
  if (!committed.ok()) return context->Fail(committed);
  const GroupOffset& offset = options.offset;
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat("group ", options.group, " goes on at offset ", offset.offset,
                                      " of partition ", offset.partition, " of ", offset.topic,
                                      "\n"));
  } else {
    context->PrintJson({{"group", options.group},
                        {"topic", offset.topic},
                        {"partition", offset.partition},
                        {"committed_offset", offset.offset}});
  }
  return context->Succeed();
}

void AddCommit(CLI::App* group, Context* context) {
  auto options = std::make_shared<CommitOptions>();
  CLI::App* command = group->add_subcommand("commit", "Set where a group goes on in one partition");
  command->add_option("GROUP", options->group, "The group; created if there is none")->required();
  command->add_option("--topic", options->offset.topic, "The topic")
      ->type_name("TOPIC")
      ->required();
  command->add_option("--partition", options->offset.partition, "The partition")
      ->type_name("P")
      ->required();
  command->add_option("--offset", options->offset.offset, "The next offset to read")
      ->type_name("N")
      ->required();
  command->add_flag("--allow-rewind", options->allow_rewind,
                    "Also to before the committed offset: events are handled again");
  command->footer(
      "Refused while a live member owns the partition.\n\n"
      "Example:\n  tidemark group commit payroll --topic hr --partition 3 --offset 120");
  command->final_callback([=] { context->run = [=] { return Commit(context, *options); }; });
}

}  // namespace

void AddGroupCommands(CLI::App* root, Context* context) {
  CLI::App* group =
      root->add_subcommand("group", "List, show, watch, move, pause and change consumer groups");
  group->require_subcommand(1);

  auto prefix = std::make_shared<std::string>();
  CLI::App* list = group->add_subcommand("list", "List groups");
  list->add_option("--prefix", *prefix, "Only names that begin with this")->type_name("TEXT");
  list->final_callback([=] { context->run = [=] { return List(context, *prefix); }; });

  auto name = std::make_shared<std::string>();
  CLI::App* show = group->add_subcommand(
      "show", "Show a group: what it reads, its members, and how far it is in each partition");
  show->add_option("GROUP", *name, "The group")->required();
  show->final_callback([=] { context->run = [=] { return Show(context, *name); }; });

  AddGroupWatchCommand(group, context);
  AddGroupControlCommands(group, context);
  AddCommit(group, context);
}

}  // namespace tidemark::cli
