// tidemark consume
//
// An event is acknowledged only after its line was written out: what a reader of the output never
// got is delivered again.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
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
};

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
  Consumer* running = nullptr;
  Consumer consumer(*client, *options, [&](const ReceivedEvent& event) -> absl::Status {
    printer.Print(event);
    if (!printer.Flush()) return absl::CancelledError("standard output is closed");
    if (printer.events() == arguments.limit) running->Stop();
    return absl::OkStatus();
  });
  running = &consumer;
  absl::Status status;
  {
    InterruptWatcher watcher([&consumer] { consumer.Stop(); });
    status = arguments.until_caught_up ? consumer.RunUntilCaughtUp() : consumer.Run();
  }
  if (!context->out().ok()) return context->Succeed();  // Nobody reads, or the disk is full.
  if (!status.ok() && printer.events() == 0) return context->Fail(status);
  printer.Finish();
  if (!status.ok()) return context->Fail(status);
  if (context->terminal().stderr_is_terminal) {
    context->Note(absl::StrCat("-- ", GroupDigits(printer.events()), " events handled --"));
  }
  return context->Succeed();
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
  command->footer(
      "An event is acknowledged once its line is written; after a crash the newest may\n"
      "come again. Members of one group share its partitions. Ctrl-C acknowledges and\n"
      "leaves.\n\n"
      "Examples:\n"
      "  tidemark consume hr --group payroll --type employee.created\n"
      "  tidemark consume hr --group report --until-caught-up -o jsonl > new-events.jsonl");
  command->final_callback([=] { context->run = [=] { return Consume(context, *arguments); }; });
}

}  // namespace tidemark::cli
