// tidemark tail
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/event_printer.h"
#include "client/cli/interrupt.h"
#include "client/cli/position.h"
#include "client/cli/selection.h"
#include "client/cli/stream_notes.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"

namespace tidemark::cli {
namespace {

struct TailArguments {
  Selection selection;
  std::string from = "latest";
  uint64_t limit = 0;   // 0: none.
  uint64_t last_n = 0;  // 0: not asked for.
};

absl::StatusOr<SubscribeOptions> Resolve(const Client& client, const TailArguments& arguments) {
  const auto from = ParsePosition(arguments.from, absl::Now());
  if (!from.ok()) return from.status();
  const auto start = arguments.last_n > 0 ? Start::FromLastN(arguments.last_n)
                                          : ResolveStart(client, arguments.selection, *from);
  if (!start.ok()) return start.status();
  SubscribeOptions options;
  options.start = *start;
  options.partitions = arguments.selection.partitions;
  options.filter = arguments.selection.filter();
  options.backoff_max = absl::Seconds(2);  // Somebody is watching.
  return options;
}

// Prints until the limit, the end of the stream, or nobody reads.
void PrintAll(Context* context, Subscriber* subscriber, uint64_t limit, EventPrinter* printer,
              ConnectionNotes* connection) {
  bool told_live = false;
  while (std::optional<StreamItem> item = subscriber->Next()) {
    connection->Alive();
    if (const auto* gap = std::get_if<Gap>(&*item)) context->Note(DescribeGap(*gap));
    if (std::get_if<CaughtUp>(&*item) != nullptr && !told_live &&
        context->terminal().stderr_is_terminal) {
      context->Note("-- live: new events appear as they are stored; Ctrl-C ends --");
      told_live = true;
    }
    const auto* batch = std::get_if<Batch>(&*item);
    if (batch == nullptr) continue;
    for (const ReceivedEvent& event : *batch) {
      if (!printer->Print(event) || printer->events() == limit) return;
    }
    if (!printer->Flush()) return;
  }
}

ExitCode Tail(Context* context, const TailArguments& arguments) {
  context->error.topic = arguments.selection.topic;
  InstallInterruptHandler();
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  auto options = Resolve(*client, arguments);
  if (!options.ok()) return context->Fail(options.status());
  ConnectionNotes connection([context](absl::string_view text) { context->Note(text); });
  options->on_reconnect = [&connection](const absl::Status& cause, absl::Duration /*pause*/) {
    connection.Lost(cause);
  };
  Subscriber subscriber(*client, arguments.selection.topic, *options);
  EventPrinter printer(context->EventFormat(), context->terminal(), &context->out());
  {
    InterruptWatcher watcher([&subscriber] { subscriber.Cancel(); });
    PrintAll(context, &subscriber, arguments.limit, &printer, &connection);
  }
  const absl::Status status = subscriber.status();
  const bool failed = !status.ok() && !absl::IsCancelled(status);
  if (failed && printer.events() == 0) return context->Fail(status);
  printer.Finish();
  return failed ? context->Fail(status) : context->Succeed();
}

}  // namespace

void AddTailCommand(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<TailArguments>();
  CLI::App* command = root->add_subcommand("tail", "Print events as they are stored, until Ctrl-C");
  AddTopicAndTypes(command, &arguments->selection);
  AddPartitionsAndKeys(command, &arguments->selection);
  CLI::Option* from =
      command
          ->add_option(
              "--from", arguments->from,
              "Begin with what is stored from here on: earliest, latest, an OFFSET (of one "
              "partition), a time, or a time ago: 2h. Default: latest")
          ->type_name("PLACE");
  AddCount(command, "--last", &arguments->last_n,
           "Begin with the newest N matching events of each partition")
      ->excludes(from);
  AddCount(command, "--limit", &arguments->limit, "End after this many events");
  command->footer(
      "Goes on by itself, without a gap, when the connection or the server comes back.\n"
      "Nothing is remembered on the server: for that, see tidemark consume.\n\n"
      "Examples:\n"
      "  tidemark tail hr\n"
      "  tidemark tail hr --last 10 --type 'employee.*'\n"
      "  tidemark tail hr --from earliest -o jsonl | ./index-everything");
  command->final_callback([=] { context->run = [=] { return Tail(context, *arguments); }; });
}

}  // namespace tidemark::cli
