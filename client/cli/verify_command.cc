// tidemark verify
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/table.h"
#include "client/cli/terminal.h"
#include "tidemark/client.h"
#include "tidemark/stubs.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kReadUnit = 1 << 20;

struct VerifyArguments {
  std::string topic;
  uint64_t mib_per_second = 0;  // 0: as fast as it goes.
};

// "events"
std::string KindName(v1::VerifyFinding::Kind kind) {
  return absl::AsciiStrToLower(absl::StripPrefix(v1::VerifyFinding::Kind_Name(kind), "KIND_"));
}

Json ToJson(const v1::VerifyFinding& finding) {
  Json json{{"kind", KindName(finding.kind())}};
  if (!finding.topic().empty()) {
    json["topic"] = finding.topic();
    json["partition"] = finding.partition();
    if (finding.until_offset() > finding.from_offset()) {
      json["from_offset"] = finding.from_offset();
      json["until_offset"] = finding.until_offset();
    }
  }
  if (!finding.name().empty()) json["name"] = finding.name();
  json["description"] = finding.description();
  return json;
}

// What the server said.
struct Report {
  v1::VerifyStoreResponse last;
  Json findings = Json::array();
};

absl::Status Receive(Context* context, const Client& client, const VerifyArguments& arguments,
                     Report& report) {
  const auto stub = OperationsStub(client);
  v1::VerifyStoreRequest request;
  request.set_topic(arguments.topic);
  if (arguments.mib_per_second > 0)
    request.set_bytes_per_second(arguments.mib_per_second * kReadUnit);
  grpc::ClientContext call;
  const InterruptWatcher watcher([&] { call.TryCancel(); });
  const auto stream = stub->VerifyStore(&call, request);
  Progress progress("verified", context->terminal().stderr_is_terminal);
  v1::VerifyStoreResponse response;
  while (stream->Read(&response)) {
    if (!response.findings().empty()) progress.Clear();
    for (int i = 0; i < response.details_size(); ++i) {
      report.findings.push_back(ToJson(response.details(i)));
      if (context->AdminFormat() != Format::kTable) continue;
      context->out().Write(absl::StrCat(EscapeForTerminal(response.findings(i)), "\n"));
      context->out().Flush();
    }
    progress.Show({.events = response.events_checked(),
                   .done = response.events_checked(),
                   .total = response.events_total()});
    response.clear_findings();
    response.clear_details();
    report.last = response;
  }
  return ToStatus(stream->Finish());
}

ExitCode Verify(Context* context, const VerifyArguments& arguments) {
  InstallInterruptHandler();
  context->error.topic = arguments.topic;
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  Report report;
  const absl::Status status = Receive(context, *client, arguments, report);
  if (!status.ok() && Interrupted()) return kExitInterrupted;
  if (!status.ok()) return context->Fail(status);
  const v1::VerifyStoreResponse& last = report.last;
  const size_t found = report.findings.size();
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat(
        "verified ", GroupDigits(last.events_checked()), " events (",
        FormatBytes(last.bytes_checked()), ") in ", GroupDigits(last.partitions_checked()),
        " partitions, ", GroupDigits(last.groups_checked()), " groups, ",
        GroupDigits(last.producer_records_checked()), " records of producers: ",
        found == 0 ? "nothing is wrong"
                   : absl::StrCat(found, found == 1 ? " finding" : " findings"),
        "\n"));
  } else {
    context->PrintJson({{"complete", last.complete()},
                        {"events_checked", last.events_checked()},
                        {"bytes_checked", last.bytes_checked()},
                        {"partitions_checked", last.partitions_checked()},
                        {"groups_checked", last.groups_checked()},
                        {"producer_records_checked", last.producer_records_checked()},
                        {"findings", report.findings}});
  }
  const ExitCode printed = context->Succeed();
  return printed == kExitOk && found > 0 ? kExitDamaged : printed;
}

}  // namespace

void AddVerifyCommand(CLI::App* root, Context* context) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App* command = root->add_subcommand(
      "verify", "Read the whole store and report what is wrong; exit code 4: something is");
  command->add_option("TOPIC", arguments->topic, "Only this topic");
  command
      ->add_option("--mib-per-second", arguments->mib_per_second,
                   "How fast to read. Default: as fast as the disk and the others allow")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 20));
  command->footer("Examples:\n  tidemark verify\n  tidemark verify hr -o json");
  command->final_callback([=] { context->run = [=] { return Verify(context, *arguments); }; });
}

}  // namespace tidemark::cli
