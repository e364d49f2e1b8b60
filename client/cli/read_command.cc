// tidemark read
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
#include "client/cli/offset_progress.h"
#include "client/cli/position.h"
#include "client/cli/progress.h"
#include "client/cli/selection.h"
#include "client/cli/stream_notes.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"

namespace tidemark::cli {
namespace {

struct ReadArguments {
  Selection selection;
  std::string from;     // Empty: where the direction begins.
  std::string until;    // Empty: where it ends.
  uint64_t limit = 0;   // 0: none.
  uint64_t last_n = 0;  // 0: not asked for.
  std::optional<uint64_t> revision;
  bool backward = false;
  std::string order = "any";

  Direction direction() const { return backward ? Direction::kBackward : Direction::kForward; }
};

absl::StatusOr<ReadOptions> Resolve(const Client& client, const ReadArguments& arguments) {
  const absl::Time now = absl::Now();
  const Direction direction = arguments.direction();
  ReadOptions options;
  if (arguments.last_n > 0) {
    options.start = Start::FromLastN(arguments.last_n);
  } else if (arguments.revision) {
    options.start = Start::FromRevision(*arguments.revision);
  } else if (!arguments.from.empty()) {
    const auto from = ParsePosition(arguments.from, now);
    if (!from.ok()) return from.status();
    const auto start = ResolveStart(client, arguments.selection, *from, direction);
    if (!start.ok()) return start.status();
    options.start = *start;
  }
  if (!arguments.until.empty()) {
    const auto until = ParsePosition(arguments.until, now);
    if (!until.ok()) return until.status();
    const auto stop = ResolveStop(client, arguments.selection, *until, direction);
    if (!stop.ok()) return stop.status();
    options.stop = *stop;
  }
  options.direction = direction;
  if (arguments.order == "commit") options.order = Order::kCommit;
  options.partitions = arguments.selection.partitions;
  options.filter = arguments.selection.filter();
  if (arguments.limit > 0) options.events_max = arguments.limit;
  // A finite read is for now; waiting for a server that is gone helps nobody.
  options.give_up_after = absl::Seconds(15);
  return options;
}

// What there is to read. Unknown (no total) where asking fails: the read itself will tell.
OffsetProgress PlanProgress(const Client& client, const std::string& topic,
                            const ReadOptions& options) {
  const auto watermarks_at = [&](const auto* at_time) {
    return client.GetWatermarks(topic, options.partitions,
                                at_time != nullptr ? std::optional(at_time->time) : std::nullopt);
  };
  const auto at_start = watermarks_at(std::get_if<Start::AtTime>(&options.start.at));
  const auto at_stop = watermarks_at(std::get_if<Stop::AtTime>(&options.stop.at));
  if (!at_start.ok() || !at_stop.ok()) return OffsetProgress();
  return OffsetProgress(options.direction, options.start, options.stop, options.partitions,
                        *at_start, *at_stop);
}

ProgressState StateOf(const OffsetProgress& offsets, uint64_t events, uint64_t limit) {
  if (limit > 0 && limit < offsets.total()) {
    return {.events = events, .done = events, .total = limit};
  }
  return {.events = events, .done = offsets.done(), .total = offsets.total()};
}

// Prints until the stream ends or nobody reads.
void PrintAll(Context* context, Reader* reader, OffsetProgress offsets, uint64_t limit,
              EventPrinter* printer, Progress* progress, ConnectionNotes* connection) {
  while (std::optional<StreamItem> item = reader->Next()) {
    connection->Alive();
    if (const auto* gap = std::get_if<Gap>(&*item)) {
      progress->Clear();
      context->Note(DescribeGap(*gap));
      continue;
    }
    const auto* batch = std::get_if<Batch>(&*item);
    if (batch == nullptr) continue;
    for (const ReceivedEvent& event : *batch) {
      if (!printer->Print(event)) return;
      if (!progress->Due()) continue;
      offsets.Passed(event.partition, event.offset);
      progress->Show(StateOf(offsets, printer->events(), limit));
    }
    offsets.Passed(batch->partition(), batch->last_offset());
  }
}

ExitCode Read(Context* context, const ReadArguments& arguments) {
  context->error.topic = arguments.selection.topic;
  InstallInterruptHandler();
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  auto options = Resolve(*client, arguments);
  if (!options.ok()) return context->Fail(options.status());

  const Terminal& terminal = context->terminal();
  const bool show_progress = terminal.stderr_is_terminal && !terminal.stdout_is_terminal;
  const std::string& topic = arguments.selection.topic;
  EventPrinter printer(context->EventFormat(), terminal, &context->out());
  Progress progress("read", show_progress);
  OffsetProgress offsets =
      show_progress ? PlanProgress(*client, topic, *options) : OffsetProgress();
  ConnectionNotes connection([&](absl::string_view text) {
    progress.Clear();
    context->Note(text);
  });
  options->on_reconnect = [&connection](const absl::Status& cause, absl::Duration /*pause*/) {
    connection.Lost(cause);
  };
  Reader reader(*client, topic, *options);
  {
    InterruptWatcher watcher([&reader] { reader.Cancel(); });
    PrintAll(context, &reader, std::move(offsets), arguments.limit, &printer, &progress,
             &connection);
  }
  progress.Clear();
  if (!context->out().ok()) return context->Succeed();  // Nobody reads, or the disk is full.
  const absl::Status status = reader.status();
  if (!status.ok() && printer.events() == 0 && !Interrupted()) return context->Fail(status);
  printer.Finish();
  if (Interrupted()) return kExitInterrupted;
  return absl::IsCancelled(status) || status.ok() ? context->Succeed() : context->Fail(status);
}

}  // namespace

void AddReadCommand(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<ReadArguments>();
  CLI::App* command = root->add_subcommand("read", "Print stored events, then end");
  AddTopicAndTypes(command, &arguments->selection);
  AddPartitionsAndKeys(command, &arguments->selection);
  CLI::Option* from =
      command
          ->add_option(
              "--from", arguments->from,
              "Where to begin: earliest, latest, an OFFSET (of one partition), a time such "
              "as 2026-01-31T08:00:00Z or 2026-01-31, or a time ago: 2h, 7d. "
              "Times are those of storing. Default: earliest; with --backward latest")
          ->type_name("PLACE");
  command
      ->add_option("--until", arguments->until,
                   "Where to end, before the named place. Default: latest, what is stored now; "
                   "with --backward earliest, and the named place is the last that is printed")
      ->type_name("PLACE");
  AddCount(command, "--limit", &arguments->limit, "At most this many events");
  CLI::Option* last = AddCount(command, "--last", &arguments->last_n,
                               "The newest N matching events of each partition, instead of --from")
                          ->excludes(from);
  command
      ->add_option("--from-revision", arguments->revision,
                   "The event of --key with this revision (0: its first) is the first that is "
                   "printed, instead of --from")
      ->excludes(from)
      ->excludes(last)
      ->needs(command->get_option("--key"))
      ->type_name("REVISION");
  command->add_flag("--backward", arguments->backward,
                    "From new to old: begin before --from, end with --until");
  command
      ->add_option("--order", arguments->order,
                   "How partitions are interleaved: any, as is fastest; commit, in the order in "
                   "which events were stored. Default: any")
      ->type_name("ORDER")
      ->check(CLI::IsMember({"any", "commit"}));
  command->footer(
      "Events of a key, and of a partition, come in order; partitions are interleaved, with\n"
      "--order commit in the order in which everything was stored.\n"
      "jsonl prints CloudEvents with tidemarkpartition, tidemarkoffset and\n"
      "tidemarkappendtime, and `tidemark append --input` takes them back.\n\n"
      "Examples:\n"
      "  tidemark read hr --type employee.created --limit 10\n"
      "  tidemark read hr --key employee-10001\n"
      "  tidemark read hr --key employee-10001 --from-revision 5\n"
      "  tidemark read hr --partition 3 --from 1200 --until 1300\n"
      "  tidemark read hr --backward --limit 20\n"
      "  tidemark read hr --order commit --from 1h\n"
      "  tidemark read hr --from 2026-01-01 --until 2026-02-01 -o jsonl > january.jsonl");
  command->final_callback([=] { context->run = [=] { return Read(context, *arguments); }; });
}

}  // namespace tidemark::cli
