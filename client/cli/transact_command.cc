// tidemark transact
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/conditioned_append.h"
#include "client/cli/context.h"
#include "client/cli/interrupt.h"
#include "client/cli/line_reader.h"
#include "client/cli/transaction_parse.h"

namespace tidemark::cli {
namespace {

constexpr char kFooter[] =
    R"(The file is one JSON object; what does not apply is left out:
  {"appends": [{"topic": "hr",
                "events": [{"type": "employee.hired", "subject": "employee-1", "data": {}}]},
               {"topic": "emails",
                "events": [{"type": "email.taken", "subject": "ada@example.com"}]}],
   "conditions": [{"topic": "emails", "key": "ada@example.com", "expect": "absent"},
                  {"topic": "hr", "key": "employee-1", "expect": 4}],
   "offset_commits": [{"group": "hiring", "topic": "requests", "partition": 0, "offset": 7}],
   "producer": {"id": "hiring", "sequence": 12}}
All of it is stored in one commit, or nothing. Events are CloudEvents as for append; `expect`
is "absent", "exists" or the revision of the key's newest event. With `producer` the command
can be repeated: what was stored is recognised.

Example:
  tidemark transact --file hire.json)";

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  absl::StatusOr<LineReader> lines = LineReader::Open(path, InterruptFd());
  if (!lines.ok()) return lines.status();
  std::string text;
  absl::string_view line;
  while (true) {
    const absl::StatusOr<bool> more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) return text;
    absl::StrAppend(&text, line, "\n");
  }
}

ExitCode Transact(Context* context, const std::string& file) {
  InstallInterruptHandler();
  const absl::StatusOr<std::string> text = ReadAll(file);
  if (!text.ok()) return context->Fail(text.status());
  const absl::StatusOr<Transaction> transaction = ParseTransaction(*text);
  if (!transaction.ok()) {
    return context->Fail(absl::InvalidArgumentError(
        absl::StrCat(file == "-" ? "standard input" : file, ": ", transaction.status().message())));
  }
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const auto result = client->Transact(*transaction);
  if (!result.ok()) return context->Fail(result.status());
  PrintStored(context, *result);
  return context->Succeed();
}

}  // namespace

void AddTransactCommand(CLI::App* root, Context* context) {
  auto file = std::make_shared<std::string>("-");
  CLI::App* command = root->add_subcommand(
      "transact", "Append to several topics, check conditions and commit offsets, in one commit");
  command->add_option("--file", *file, "The transaction, in JSON; -: standard input. Default: -")
      ->type_name("FILE");
  command->footer(kFooter);
  command->final_callback([=] { context->run = [=] { return Transact(context, *file); }; });
}

}  // namespace tidemark::cli
