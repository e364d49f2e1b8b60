// tidemark dlq list | show | redrive | discard
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/dlq_output.h"
#include "client/cli/selection.h"
#include "client/cli/table.h"
#include "tidemark/client.h"

namespace tidemark::cli {
namespace {

struct DlqArguments {
  std::string group;
  std::vector<std::string> places;  // TOPIC/PARTITION/OFFSET
  std::vector<std::string> types;
  std::vector<std::string> keys;
  bool all = false;
  bool yes = false;
  uint64_t limit = 100;
  double rate = 0;  // 0: as fast as members take them.

  Filter filter() const { return {.types = types, .keys = keys}; }
};

absl::StatusOr<EventId> ParsePlace(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  EventId id;
  if (parts.size() != 3 || parts[0].empty() || !absl::SimpleAtoi(parts[1], &id.partition) ||
      !absl::SimpleAtoi(parts[2], &id.offset)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not TOPIC/PARTITION/OFFSET, as dlq list shows them"));
  }
  id.topic = parts[0];
  return id;
}

// INVALID_ARGUMENT  not exactly one way to choose was used.
absl::StatusOr<DeadLetterChoice> ChoiceOf(const DlqArguments& arguments) {
  const bool filtered = !arguments.types.empty() || !arguments.keys.empty();
  if (arguments.all + filtered + !arguments.places.empty() != 1) {
    return absl::InvalidArgumentError(
        "say which: one of --all, --type and --key, or places as dlq list shows them");
  }
  DeadLetterChoice choice;
  if (filtered) choice.filter = arguments.filter();
  for (const std::string& place : arguments.places) {
    const auto id = ParsePlace(place);
    if (!id.ok()) return id.status();
    choice.ids.push_back(*id);
  }
  return choice;
}

ExitCode List(Context* context, const DlqArguments& arguments) {
  context->error.group = arguments.group;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto letters =
      client->ListDeadLetters(arguments.group, arguments.filter(), arguments.limit);
  if (!letters.ok()) return context->Fail(letters.status());
  if (context->AdminFormat() != Format::kTable) {
    context->PrintJsonList(DeadLettersToJson(*letters));
    return context->Succeed();
  }
  if (letters->empty()) {
    context->Note("no dead letters");
    return context->Succeed();
  }
  context->out().Write(FormatDeadLetters(*letters, context->terminal().color_stdout));
  if (letters->size() == arguments.limit) context->Note("there may be more: --limit N");
  return context->Succeed();
}

ExitCode Show(Context* context, const DlqArguments& arguments) {
  context->error.group = arguments.group;
  const auto id = ParsePlace(arguments.places.front());
  if (!id.ok()) return context->Fail(id.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto letters = client->ListDeadLetters(arguments.group);
  if (!letters.ok()) return context->Fail(letters.status());
  const auto letter =
      std::find_if(letters->begin(), letters->end(), [&id](const DeadLetter& candidate) {
        return candidate.id.topic == id->topic && candidate.id.partition == id->partition &&
               candidate.id.offset == id->offset;
      });
  if (letter == letters->end()) {
    return context->Fail(absl::NotFoundError(
        absl::StrCat(arguments.places.front(), " is no dead letter of group ", arguments.group)));
  }
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(FormatDeadLetter(*letter, context->terminal().color_stdout));
  } else {
    context->PrintJson(DeadLettersToJson({*letter})[0]);
  }
  return context->Succeed();
}

ExitCode PrintDone(Context* context, const DlqArguments& arguments, const char* verb,
                   const DeadLettersChanged& changed) {
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat(verb, " ", GroupDigits(changed.events),
                                      changed.events == 1 ? " event" : " events", " of group ",
                                      arguments.group, "\n"));
    if (changed.left > 0) {
      context->Note(absl::StrCat(GroupDigits(changed.left),
                                 " are left, because so many are on their way: repeat later"));
    }
  } else {
    context->PrintJson(
        {{"group", arguments.group}, {"events", changed.events}, {"left", changed.left}});
  }
  return context->Succeed();
}

ExitCode Redrive(Context* context, const DlqArguments& arguments) {
  context->error.group = arguments.group;
  const auto choice = ChoiceOf(arguments);
  if (!choice.ok()) return context->Fail(choice.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto changed = client->RedriveDeadLetters(arguments.group, *choice, arguments.rate);
  if (!changed.ok()) return context->Fail(changed.status());
  return PrintDone(context, arguments, "delivering again", *changed);
}

// Asks at a terminal; a script meant what it says.
bool Confirmed(const Context& context, const DlqArguments& arguments) {
  if (arguments.yes || !context.terminal().stdin_is_terminal) return true;
  std::cerr << "Forget dead letters of group " << EscapeForTerminal(arguments.group)
            << ", for ever? Type the group's name: " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == arguments.group;
}

ExitCode Discard(Context* context, const DlqArguments& arguments) {
  context->error.group = arguments.group;
  const auto choice = ChoiceOf(arguments);
  if (!choice.ok()) return context->Fail(choice.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  if (!Confirmed(*context, arguments)) {
    context->Note("not discarded");
    return kExitUsage;
  }
  const auto changed = client->DiscardDeadLetters(arguments.group, *choice);
  if (!changed.ok()) return context->Fail(changed.status());
  return PrintDone(context, arguments, "discarded", *changed);
}

using Run = ExitCode (*)(Context*, const DlqArguments&);

// A subcommand with GROUP.
CLI::App* Add(CLI::App* dlq, Context* context, const char* name, const char* description,
              const std::shared_ptr<DlqArguments>& arguments, Run run) {
  CLI::App* command = dlq->add_subcommand(name, description);
  command->add_option("GROUP", arguments->group, "The group")->required();
  command->final_callback([=] { context->run = [=] { return run(context, *arguments); }; });
  return command;
}

void AddFilter(CLI::App* command, DlqArguments* arguments) {
  command
      ->add_option("--type", arguments->types,
                   "Only events of this type, or of types that begin so. May be repeated")
      ->type_name("TYPE")
      ->allow_extra_args(false);
  command->add_option("--key", arguments->keys, "Only events of this key. May be repeated")
      ->type_name("KEY")
      ->allow_extra_args(false);
}

void AddChoice(CLI::App* command, DlqArguments* arguments) {
  command->add_option("PLACE", arguments->places, "TOPIC/PARTITION/OFFSET, as dlq list shows them");
  AddFilter(command, arguments);
  command->add_flag("--all", arguments->all, "All of the group's");
}

}  // namespace

void AddDlqCommands(CLI::App* root, Context* context) {
  CLI::App* dlq = root->add_subcommand("dlq", "Dead letters: events that a group gave up");
  dlq->require_subcommand(1);

  auto listed = std::make_shared<DlqArguments>();
  CLI::App* list = Add(dlq, context, "list", "List a group's dead letters", listed, List);
  AddFilter(list, listed.get());
  AddCount(list, "--limit", &listed->limit, "At most N. Default: 100");

  auto shown = std::make_shared<DlqArguments>();
  CLI::App* show =
      Add(dlq, context, "show", "Show one: why it is here, and the event", shown, Show);
  show->add_option("PLACE", shown->places, "TOPIC/PARTITION/OFFSET, as dlq list shows it")
      ->required()
      ->expected(1);

  auto redriven = std::make_shared<DlqArguments>();
  CLI::App* redrive = Add(dlq, context, "redrive", "Deliver dead letters again", redriven, Redrive);
  AddChoice(redrive, redriven.get());
  redrive
      ->add_option("--rate", redriven->rate,
                   "At most so many events a second. Default: as fast as members take them")
      ->type_name("X");
  redrive->footer(
      "Examples:\n  tidemark dlq redrive payroll hr/3/1200\n"
      "  tidemark dlq redrive payroll --key employee-10001\n"
      "  tidemark dlq redrive payroll --all --rate 10");

  auto discarded = std::make_shared<DlqArguments>();
  CLI::App* discard = Add(dlq, context, "discard", "Forget dead letters; keys they block go on",
                          discarded, Discard);
  AddChoice(discard, discarded.get());
  discard->add_flag("-y,--yes", discarded->yes,
                    "Do not ask; at a terminal the group must be typed otherwise");
}

}  // namespace tidemark::cli
