// tidemark consume
//
// An event is acknowledged only after its line was written out, or the command for it has
// succeeded: what a reader of the output never got is delivered again.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/event_command.h"
#include "client/cli/event_printer.h"
#include "client/cli/interrupt.h"
#include "client/cli/position.h"
#include "client/cli/selection.h"
#include "client/cli/stream_notes.h"
#include "client/cli/table.h"
#include "tidemark/client.h"
#include "tidemark/consumer.h"

namespace tidemark::cli {
namespace {

struct ConsumeArguments {
  Selection selection;
  std::string group;
  std::string from = "earliest";
  uint64_t limit = 0;  // 0: none.
  bool until_caught_up = false;
  std::string mode;
  std::string exec;
  uint64_t concurrency = 1;
  std::string on_error;
  uint64_t attempts_max = 0;  // 0: the server's default.
};

const std::map<std::string, GroupMode> kModes = {
    {"partition-ordered", GroupMode::kPartitionOrdered},
    {"key-ordered", GroupMode::kKeyOrdered},
    {"unordered", GroupMode::kUnordered}};
const std::map<std::string, FailureAction> kActions = {{"retry", FailureAction::kRetry},
                                                       {"dead-letter", FailureAction::kDeadLetter},
                                                       {"skip", FailureAction::kSkip},
                                                       {"stop", FailureAction::kStop}};

absl::StatusOr<Start> StartOf(const ConsumeArguments& arguments) {
  const auto from = ParsePosition(arguments.from, absl::Now());
  if (!from.ok()) return from.status();
  switch (from->kind) {
    case Position::Kind::kEarliest:
      return Start::FromEarliest();
    case Position::Kind::kLatest:
      return Start::FromLatest();
    case Position::Kind::kTime:
      return Start::FromTime(from->time);
    case Position::Kind::kOffset:
      break;
  }
  return absl::InvalidArgumentError(
      "a new group begins at earliest, latest or a time; to begin at an offset: tidemark group "
      "commit");
}

// What fails on our side is for nobody else to retry.
bool IsOurFailure(const absl::Status& error) {
  return absl::IsCancelled(error) || absl::IsResourceExhausted(error);
}

// How the group shares its work, and what becomes of what fails.
absl::Status AddHandling(Context* context, const ConsumeArguments& arguments,
                         ConsumerOptions& options) {
  if (!arguments.mode.empty()) options.mode = kModes.at(arguments.mode);
  options.concurrency = static_cast<int>(arguments.concurrency);
  const bool work = options.mode == GroupMode::kKeyOrdered || options.mode == GroupMode::kUnordered;
  if (arguments.attempts_max > 0 && !work) {
    return absl::InvalidArgumentError(
        "--max-attempts is kept by groups of --mode key-ordered or unordered");
  }
  if (arguments.attempts_max > 0) {
    options.retry = RetryPolicy{.max_attempts = static_cast<uint32_t>(arguments.attempts_max)};
  }
  if (arguments.exec.empty() && (arguments.concurrency > 1 || !arguments.on_error.empty())) {
    return absl::InvalidArgumentError(
        "--concurrency and --on-error are about commands: say which with --exec");
  }
  const std::string action = !arguments.on_error.empty() ? arguments.on_error
                             : work                      ? "retry"
                                                         : "stop";
  options.on_handler_error = [context, action = kActions.at(action)](const ReceivedEvent& event,
                                                                     const absl::Status& error) {
    if (IsOurFailure(error)) return FailureAction::kStop;
    if (action != FailureAction::kStop) {
      context->Note(absl::StrCat("-- event ", event.topic, "/", event.partition, "/", event.offset,
                                 ", attempt ", event.attempt, ": ", error.message(), " --"));
    }
    return action;
  };
  return absl::OkStatus();
}

absl::StatusOr<ConsumerOptions> OptionsOf(Context* context, const ConsumeArguments& arguments,
                                          ConnectionNotes* connection) {
  const auto start = StartOf(arguments);
  if (!start.ok()) return start.status();
  ConsumerOptions options;
  options.group = arguments.group;
  options.topics = {arguments.selection.topic};
  options.filter = arguments.selection.filter();
  options.start = *start;
  if (arguments.limit > 0) {
    // What is delivered ahead and not printed waits for the next member; no use in fetching it.
    options.events_ahead_max = std::min(options.events_ahead_max, arguments.limit);
  }
  if (absl::Status status = AddHandling(context, arguments, options); !status.ok()) return status;
  options.on_gap = [context](const Gap& gap) { context->Note(DescribeGap(gap)); };
  options.on_reconnect = [connection](const absl::Status& cause, absl::Duration /*pause*/) {
    connection->Lost(cause);
  };
  options.backoff_max = absl::Seconds(2);  // Somebody is watching.
  options.on_joined = [context, connection](const std::string& member_id, bool created) {
    connection->Alive();
    if (context->terminal().stderr_is_terminal) {
      context->Note(absl::StrCat("-- joined as ", member_id, created ? ", a new group" : "",
                                 "; Ctrl-C leaves --"));
    }
  };
  return options;
}

ExitCode Consume(Context* context, const ConsumeArguments& arguments) {
  context->error.topic = arguments.selection.topic;
  context->error.group = arguments.group;
  InstallInterruptHandler();
  ConnectionNotes connection([context](absl::string_view text) { context->Note(text); });
  const auto options = OptionsOf(context, arguments, &connection);
  if (!options.ok()) return context->Fail(options.status());
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());

  EventPrinter printer(context->EventFormat(), context->terminal(), &context->out());
  const EventCommand command(arguments.exec);
  std::atomic<uint64_t> begun = 0;
  std::atomic<uint64_t> handled = 0;
  Consumer* running = nullptr;
  Consumer consumer(*client, *options, [&](const ReceivedEvent& event) -> absl::Status {
    if (++begun == arguments.limit) running->Stop();
    if (!arguments.exec.empty()) {
      if (absl::Status status = command.Run(event); !status.ok()) return status;
    } else {
      printer.Print(event);
      if (!printer.Flush()) return absl::CancelledError("standard output is closed");
    }
    ++handled;
    return absl::OkStatus();
  });
  running = &consumer;
  absl::Status status;
  {
    InterruptWatcher watcher([&consumer] { consumer.Stop(); });
    status = arguments.until_caught_up ? consumer.RunUntilCaughtUp() : consumer.Run();
  }
  if (!context->out().ok()) return context->Succeed();  // Nobody reads, or the disk is full.
  if (!status.ok() && handled == 0) return context->Fail(status);
  if (arguments.exec.empty()) printer.Finish();
  if (!status.ok()) return context->Fail(status);
  if (context->terminal().stderr_is_terminal) {
    context->Note(absl::StrCat("-- ", GroupDigits(handled), " events handled --"));
  }
  return context->Succeed();
}

std::vector<std::string> NamesOf(const auto& named) {
  std::vector<std::string> names;
  for (const auto& [name, value] : named) names.push_back(name);
  return names;
}

void AddHandlingOptions(CLI::App* command, ConsumeArguments* arguments) {
  command
      ->add_option("--mode", arguments->mode,
                   "How a new group shares its work. partition-ordered (the default): each "
                   "partition has one member. key-ordered: any number of members, a key in one "
                   "hand at a time. unordered: any number, no order. Of a group that exists: the "
                   "same, or left out")
      ->type_name("MODE")
      ->check(CLI::IsMember(NamesOf(kModes)));
  command
      ->add_option("--exec", arguments->exec,
                   "Run this shell command for each event, in place of printing it")
      ->type_name("COMMAND");
  AddCount(command, "--concurrency", &arguments->concurrency,
           "Run so many commands at once; the order of each key is kept. Default: 1");
  command
      ->add_option("--on-error", arguments->on_error,
                   "What becomes of an event whose command fails. retry: again after a pause "
                   "(key-ordered, unordered: by the group's retry policy, nothing else waits). "
                   "dead-letter: to the dead letters (not partition-ordered). skip: it counts as "
                   "done. stop: end with an error. Default: stop; with --mode key-ordered or "
                   "unordered: retry")
      ->type_name("ACTION")
      ->check(CLI::IsMember(NamesOf(kActions)));
  AddCount(command, "--max-attempts", &arguments->attempts_max,
           "Of a new key-ordered or unordered group: so many attempts, then the dead letters. "
           "Default: no limit");
}

}  // namespace

void AddConsumeCommand(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<ConsumeArguments>();
  CLI::App* command = root->add_subcommand(
      "consume", "Read as a member of a consumer group, which remembers how far it is");
  AddTopicAndTypes(command, &arguments->selection);
  command->add_option("--group", arguments->group, "The group; created if there is none")
      ->type_name("GROUP")
      ->required();
  command
      ->add_option("--from", arguments->from,
                   "Where a new group begins: earliest, latest, a time, or a time ago: 2h. A group "
                   "that exists goes on where it is. Default: earliest")
      ->type_name("PLACE");
  CLI::Option* limit =
      AddCount(command, "--limit", &arguments->limit, "End after this many events");
  command
      ->add_flag("--until-caught-up", arguments->until_caught_up,
                 "End when everything stored is handled")
      ->excludes(limit);
  AddHandlingOptions(command, arguments.get());
  command->footer(
      "An event is acknowledged once its line is written, or its command has ended with\n"
      "code 0; after a crash the newest may come again. Ctrl-C finishes what is in hand,\n"
      "acknowledges and leaves.\n\n"
      "A command gets the event as a line of JSON on standard input, and in its\n"
      "environment TIDEMARK_TOPIC, TIDEMARK_PARTITION, TIDEMARK_OFFSET, TIDEMARK_TYPE,\n"
      "TIDEMARK_KEY and TIDEMARK_ATTEMPT.\n\n"
      "Examples:\n"
      "  tidemark consume hr --group payroll --type employee.created\n"
      "  tidemark consume hr --group report --until-caught-up -o jsonl > new-events.jsonl\n"
      "  tidemark consume mails --group mailer --mode key-ordered --exec ./send-mail \\\n"
      "    --concurrency 8 --max-attempts 5");
  command->final_callback([=] { context->run = [=] { return Consume(context, *arguments); }; });
}

}  // namespace tidemark::cli
