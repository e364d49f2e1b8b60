// tidemark append
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>

#include "client/cli/append_job.h"
#include "client/cli/commands.h"
#include "client/cli/conditioned_append.h"
#include "client/cli/context.h"
#include "client/cli/interrupt.h"

namespace tidemark::cli {
namespace {

constexpr char kFooter[] =
    R"(Input: a CloudEvent a line, in JSON; `type` is required, `subject` is the key:
  {"type":"employee.created","subject":"employee-10001","data":{"name":"Ada"}}
What `tidemark read -o jsonl` prints is accepted. With --type every line is data instead.
Empty lines are passed over.

A line that is no event is reported as FILE:LINE, nothing after it is sent, and the
exit code is 1; with --skip-invalid it is left out. What was sent before it stays.

With --producer-id a run can be repeated, after a crash or with a longer input: what
is stored is recognised, the rest is appended. Earlier lines must not have changed.

With --expect-... the whole input is one request: all of it is stored if the key is as
expected, else nothing, with exit code 3. The revision of a key is the number of its
events less 1; `tidemark key show` tells it.

Examples:
  tidemark append hr --input hr-events.jsonl
  ./generate | tidemark append hr --acks > acknowledged.jsonl
  echo '{"name":"Ada"}' | tidemark append hr --type employee.created --key employee-10001
  tidemark append hr --input january.jsonl --producer-id import-january
  tidemark append hr --expect-revision 4 < correction.jsonl)";

ExitCode Append(Context* context, const AppendArguments& arguments,
                const Expectation& expectation) {
  context->error.topic = arguments.settings.topic;
  InstallInterruptHandler();
  const AppendSettings& settings = arguments.settings;
  if (expectation.is_set() &&
      (settings.skip_invalid || arguments.print_acks || !settings.producer_id.empty())) {
    return context->Fail(absl::InvalidArgumentError(
        "--expect-... makes one request of the input: --skip-invalid, --acks and --producer-id are "
        "for many"));
  }
  if (!expectation.is_set() && !expectation.key.empty()) {
    return context->Fail(absl::InvalidArgumentError(
        "--expect-key needs --expect-absent, --expect-exists or --expect-revision"));
  }
  if (expectation.is_set()) return AppendIfExpected(context, arguments, expectation);
  return AppendJob(context, arguments).Run();
}

void AddExpectations(CLI::App* command, Expectation* expectation) {
  CLI::Option* absent =
      command->add_flag("--expect-absent", expectation->absent, "Only if the key has no event yet");
  CLI::Option* exists =
      command->add_flag("--expect-exists", expectation->exists, "Only if the key has an event");
  CLI::Option* revision = command
                              ->add_option("--expect-revision", expectation->revision,
                                           "Only if this is the revision of the key's newest event")
                              ->type_name("N");
  absent->excludes(exists)->excludes(revision);
  exists->excludes(revision);
  command
      ->add_option("--expect-key", expectation->key,
                   "The key that is meant. Default: the key of the events")
      ->type_name("KEY");
}

}  // namespace

void AddAppendCommand(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<AppendArguments>();
  CLI::App* command = root->add_subcommand("append", "Append events, a line each");
  command->add_option("TOPIC", arguments->settings.topic, "The topic")->required();
  command->add_option("--input", arguments->input, "The file; -: standard input. Default: -")
      ->type_name("FILE");
  CLI::Option* type =
      command->add_option("--type", arguments->raw.type, "Lines are data of events of this type")
          ->type_name("TYPE");
  command->add_option("--key", arguments->raw.key, "With --type: their key")
      ->type_name("KEY")
      ->needs(type);
  command->add_option("--source", arguments->raw.source, "With --type: their source")
      ->type_name("SOURCE")
      ->needs(type);
  command
      ->add_option("--content-type", arguments->raw.content_type,
                   "With --type: their content type. Default: application/json for lines that are "
                   "a JSON object or array, else text/plain")
      ->type_name("TYPE")
      ->needs(type);
  command
      ->add_option("--partition", arguments->settings.partition,
                   "Put every event into this partition, whatever its key")
      ->type_name("P");
  command->add_flag("--acks", arguments->print_acks,
                    "Print a JSON object for each range of offsets as soon as it is durable: "
                    "topic, partition, first_offset, count");
  command->add_flag("--skip-invalid", arguments->settings.skip_invalid,
                    "Leave out invalid lines and go on");
  command
      ->add_option("--producer-id", arguments->settings.producer_id,
                   "Names this input, so that the command can be repeated: nothing is stored twice")
      ->type_name("ID");
  auto expectation = std::make_shared<Expectation>();
  AddExpectations(command, expectation.get());
  command->footer(kFooter);
  command->final_callback(
      [=] { context->run = [=] { return Append(context, *arguments, *expectation); }; });
}

}  // namespace tidemark::cli
