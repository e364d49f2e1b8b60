// tidemark group seek | pause | resume | update | delete
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/group_output.h"
#include "client/cli/position.h"
#include "client/cli/selection.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

struct SeekArguments {
  std::string group;
  std::string place;
  std::string cursor;
  std::string like;
  Selection selection;  // Only topic and partitions.
  bool dry_run = false;
};

absl::StatusOr<SeekTarget> Resolve(const Client& client, const SeekArguments& arguments) {
  SeekTarget target{.topic = arguments.selection.topic,
                    .other_group = arguments.like,
                    .dry_run = arguments.dry_run};
  if (!arguments.cursor.empty()) target.start = Start::FromCursor(arguments.cursor);
  if (arguments.place.empty()) return target;
  const auto place = ParsePosition(arguments.place, absl::Now());
  if (!place.ok()) return place.status();
  const bool is_offset = place->kind == Position::Kind::kOffset;
  if (is_offset && target.topic.empty()) {
    return absl::InvalidArgumentError("an offset is a place in one topic: name it with --topic");
  }
  if (!is_offset && !arguments.selection.partitions.empty()) {
    return absl::InvalidArgumentError("--partition goes with --to OFFSET only");
  }
  const auto start = ResolveStart(client, arguments.selection, *place);
  if (!start.ok()) return start.status();
  target.start = *start;
  return target;
}

ExitCode Seek(Context* context, const SeekArguments& arguments) {
  context->error.group = arguments.group;
  context->error.topic = arguments.selection.topic;
  const int places = !arguments.place.empty() + !arguments.cursor.empty() + !arguments.like.empty();
  if (places != 1) {
    return context->Fail(absl::InvalidArgumentError(
        "say where to: one of --to PLACE, --cursor CURSOR and --like GROUP; see --help"));
  }
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto target = Resolve(*client, arguments);
  if (!target.ok()) return context->Fail(target.status());
  const auto result = client->SeekGroup(arguments.group, *target);
  if (!result.ok()) return context->Fail(result.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatSeek(*result, arguments.dry_run, context->terminal().color_stdout));
  } else {
    context->PrintJson(SeekToJson(*result, arguments.dry_run));
  }
  return context->Succeed();
}

void AddSeek(CLI::App* group, Context* context) {
  auto arguments = std::make_shared<SeekArguments>();
  CLI::App* command = group->add_subcommand(
      "seek", "Move a group to another place, also while its members are at work");
  command->add_option("GROUP", arguments->group, "The group")->required();
  command
      ->add_option("--to", arguments->place,
                   "earliest, latest, an OFFSET (with --topic and --partition), a time such as "
                   "2026-01-31T08:00:00Z, or a time ago: 2h. Times are those of storing")
      ->type_name("PLACE");
  command
      ->add_option("--cursor", arguments->cursor, "After what a stream with this cursor had sent")
      ->type_name("CURSOR");
  command->add_option("--like", arguments->like, "Where this other group is")->type_name("GROUP");
  command->add_option("--topic", arguments->selection.topic, "Only in this topic. Default: in all")
      ->type_name("TOPIC");
  command->add_option("--partition", arguments->selection.partitions, "With --to OFFSET")
      ->type_name("P")
      ->allow_extra_args(false);
  command->add_flag("--dry-run", arguments->dry_run,
                    "Only tell what would be delivered again and what skipped");
  command->footer(
      "Counts are exact, of the events the group reads. What its members have in hand comes again\n"
      "from the new place; their acks of it have no effect.\n\n"
      "Examples:\n"
      "  tidemark group seek payroll --to earliest --dry-run\n"
      "  tidemark group seek payroll --to 2h\n"
      "  tidemark group seek payroll --topic hr --partition 3 --to 1200\n"
      "  tidemark group seek payroll-new --like payroll");
  command->final_callback([=] { context->run = [=] { return Seek(context, *arguments); }; });
}

ExitCode SetPaused(Context* context, const std::string& name, bool paused) {
  context->error.group = name;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const absl::Status status = paused ? client->PauseGroup(name) : client->ResumeGroup(name);
  if (!status.ok()) return context->Fail(status);
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat(paused ? "paused" : "resumed", " group ", name, "\n"));
  } else {
    context->PrintJson({{"group", name}, {"paused", paused}});
  }
  return context->Succeed();
}

void AddPause(CLI::App* group, Context* context, bool paused) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = group->add_subcommand(
      paused ? "pause" : "resume",
      paused ? "Stop deliveries to a group, until `resume`, also over restarts of the server"
             : "End a pause");
  command->add_option("GROUP", *name, "The group")->required();
  command->final_callback(
      [=] { context->run = [=] { return SetPaused(context, *name, paused); }; });
}

struct UpdateArguments {
  std::string group;
  std::vector<std::string> topics;
  std::vector<std::string> types;
  std::vector<std::string> keys;
  bool all_events = false;
  std::string initial_backoff;
  std::string max_backoff;
  std::optional<double> backoff_factor;
  std::string max_attempts;  // A number, or "unlimited".

  bool changes_retry() const {
    return !initial_backoff.empty() || !max_backoff.empty() || backoff_factor.has_value() ||
           !max_attempts.empty();
  }
};

absl::Status ApplyRetry(const UpdateArguments& arguments, RetryPolicy* retry) {
  for (const auto& [text, out] : {std::pair(&arguments.initial_backoff, &retry->initial_backoff),
                                  std::pair(&arguments.max_backoff, &retry->max_backoff)}) {
    if (text->empty()) continue;
    const auto duration = ParseDurationText(*text);
    if (!duration.ok()) return duration.status();
    *out = *duration;
  }
  if (arguments.backoff_factor) retry->backoff_factor = arguments.backoff_factor;
  if (arguments.max_attempts.empty()) return absl::OkStatus();
  retry->max_attempts.reset();
  if (arguments.max_attempts == "unlimited") return absl::OkStatus();
  uint32_t attempts = 0;
  if (!absl::SimpleAtoi(arguments.max_attempts, &attempts)) {
    return absl::InvalidArgumentError(absl::StrCat("--max-attempts: \"", arguments.max_attempts,
                                                   "\" is neither a number nor unlimited"));
  }
  retry->max_attempts = attempts;
  return absl::OkStatus();
}

// What is not named stays; the server replaces a policy as a whole, so the rest of it is asked for.
absl::StatusOr<GroupChange> ChangeFrom(const Client& client, const UpdateArguments& arguments) {
  GroupChange change;
  if (!arguments.topics.empty()) change.topics = arguments.topics;
  if (arguments.all_events || !arguments.types.empty() || !arguments.keys.empty()) {
    change.filter = Filter{.types = arguments.types, .keys = arguments.keys};
  }
  if (!arguments.changes_retry()) return change;
  const auto group = client.GetGroup(arguments.group);
  if (!group.ok()) return group.status();
  change.retry = group->config.retry;
  if (absl::Status status = ApplyRetry(arguments, &*change.retry); !status.ok()) return status;
  return change;
}

ExitCode Update(Context* context, const UpdateArguments& arguments) {
  context->error.group = arguments.group;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto change = ChangeFrom(*client, arguments);
  if (!change.ok()) return context->Fail(change.status());
  if (!change->topics && !change->filter && !change->retry) {
    return context->Fail(absl::InvalidArgumentError(
        "nothing to change: name a setting, as in --topic 'hr.*'; see --help"));
  }
  const auto config = client->UpdateGroup(arguments.group, *change);
  if (!config.ok()) return context->Fail(config.status());
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat("updated group ", arguments.group, "\n"));
  } else {
    context->PrintJson(GroupConfigToJson(*config));
  }
  return context->Succeed();
}

void AddUpdate(CLI::App* group, Context* context) {
  auto arguments = std::make_shared<UpdateArguments>();
  CLI::App* command = group->add_subcommand(
      "update", "Change what a group reads and how it retries; what is not named stays");
  command->add_option("GROUP", arguments->group, "The group")->required();
  const auto add_list = [&](const char* name, std::vector<std::string>* list, const char* type,
                            const char* text) {
    return command->add_option(name, *list, text)->type_name(type)->allow_extra_args(false);
  };
  add_list("--topic", &arguments->topics, "TOPIC",
           "What it reads, instead of what it read: a topic, or all that begin so: 'hr.*'. May be "
           "repeated");
  CLI::Option* types = add_list("--type", &arguments->types, "TYPE",
                                "Only events of this type, or of types that begin so: "
                                "'employee.*'. May be repeated");
  CLI::Option* keys =
      add_list("--key", &arguments->keys, "KEY", "Only events of this key. May be repeated");
  command->add_flag("--all-events", arguments->all_events, "Every event, whatever type and key")
      ->excludes(types)
      ->excludes(keys);
  command->add_option("--initial-backoff", arguments->initial_backoff, "Before the second attempt")
      ->type_name("DURATION");
  command->add_option("--max-backoff", arguments->max_backoff, "The longest pause between attempts")
      ->type_name("DURATION");
  command
      ->add_option("--backoff-factor", arguments->backoff_factor,
                   "Each further pause is this many times longer")
      ->type_name("X");
  command
      ->add_option("--max-attempts", arguments->max_attempts,
                   "Then an event is a dead letter; or unlimited")
      ->type_name("N");
  command->footer(
      "Live members go on. A new filter decides from where the group is; what the old one left\n"
      "out before is not looked at again, unless tidemark group seek goes back.\n\n"
      "Examples:\n"
      "  tidemark group update payroll --type employee.created --type employee.left\n"
      "  tidemark group update audit --topic 'hr.*' --all-events");
  command->final_callback([=] { context->run = [=] { return Update(context, *arguments); }; });
}

// Asks at a terminal; a script meant what it says.
bool Confirmed(const Context& context, const std::string& name) {
  if (!context.terminal().stdin_is_terminal) return true;
  std::cerr << "Delete group " << EscapeForTerminal(name)
            << " with its offsets, for ever? Type its name: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == name;
}

ExitCode Delete(Context* context, const std::string& name, bool force, bool yes) {
  context->error.group = name;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  if (!yes && !Confirmed(*context, name)) {
    context->Note("not deleted");
    return kExitUsage;
  }
  const absl::Status deleted = client->DeleteGroup(name, force);
  if (!deleted.ok()) return context->Fail(deleted);
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat("deleted group ", name, "\n"));
  } else {
    context->PrintJson({{"group", name}, {"deleted", true}});
  }
  return context->Succeed();
}

void AddDelete(CLI::App* group, Context* context) {
  auto name = std::make_shared<std::string>();
  auto force = std::make_shared<bool>(false);
  auto yes = std::make_shared<bool>(false);
  CLI::App* command = group->add_subcommand("delete", "Delete a group with its offsets");
  command->add_option("GROUP", *name, "The group")->required();
  command->add_flag("--force", *force, "Also while it has live members, whose streams end");
  command->add_flag("-y,--yes", *yes, "Do not ask; at a terminal the name must be typed otherwise");
  command->final_callback(
      [=] { context->run = [=] { return Delete(context, *name, *force, *yes); }; });
}

}  // namespace

void AddGroupControlCommands(CLI::App* group, Context* context) {
  AddSeek(group, context);
  AddPause(group, context, true);
  AddPause(group, context, false);
  AddUpdate(group, context);
  AddDelete(group, context);
}

}  // namespace tidemark::cli
