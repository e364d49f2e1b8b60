// tidemark append
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>

#include "client/cli/append_job.h"
#include "client/cli/commands.h"
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

Examples:
  tidemark append hr --input hr-events.jsonl
  ./generate | tidemark append hr --acks > acknowledged.jsonl
  echo '{"name":"Ada"}' | tidemark append hr --type employee.created --key employee-10001
  tidemark append hr --input january.jsonl --producer-id import-january)";

ExitCode Append(Context* context, const AppendArguments& arguments) {
  context->error.topic = arguments.settings.topic;
  InstallInterruptHandler();
  return AppendJob(context, arguments).Run();
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
  command->footer(kFooter);
  command->final_callback([=] { context->run = [=] { return Append(context, *arguments); }; });
}

}  // namespace tidemark::cli
