// tidemark master-key rotate, show
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/table.h"
#include "tidemark/client.h"
#include "tidemark/stubs.h"

namespace tidemark::cli {
namespace {

ExitCode Rotate(Context* context, bool dry_run) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  grpc::ClientContext call;
  v1::RotateMasterKeyRequest request;
  request.set_dry_run(dry_run);
  v1::RotateMasterKeyResponse response;
  const absl::Status status =
      ToStatus(OperationsStub(*client)->RotateMasterKey(&call, request, &response));
  if (!status.ok()) return context->Fail(status);
  if (context->AdminFormat() != Format::kTable) {
    nlohmann::ordered_json json;
    json["master_key"] = response.master_key();
    json["entity_keys"] = response.entity_keys();
    json[dry_run ? "to_rewrap" : "rewrapped"] = response.rewrapped();
    json["idle_keys"] = response.idle_keys();
    context->PrintJson(json);
    return context->Succeed();
  }
  std::vector<std::pair<std::string, std::string>> fields = {
      {"master key", response.master_key()},
      {"entity keys", GroupDigits(response.entity_keys())},
      {dry_run ? "to rewrap" : "rewrapped", GroupDigits(response.rewrapped())},
      {"not needed", response.idle_keys_size() == 0 ? std::string("none")
                                                    : absl::StrJoin(response.idle_keys(), ", ")}};
  context->out().Write(FormatFields(fields, context->terminal().color_stdout));
  return context->Succeed();
}

}  // namespace

void AddMasterKeyCommands(CLI::App* root, Context* context) {
  CLI::App* keys = root->add_subcommand(
      "master-key", "The keys that keys of topics with encrypt-by-key are wrapped with");
  keys->require_subcommand(1);

  CLI::App* show = keys->add_subcommand(
      "show", "Show the current one of the server's master_key_file, and what others still wrap");
  show->final_callback([=] { context->run = [=] { return Rotate(context, true); }; });

  CLI::App* rotate = keys->add_subcommand(
      "rotate", "Read master_key_file again and wrap everything with its first key");
  rotate->footer(
      "Put a new line first, rotate, then take out what is \"not needed\":\n"
      "  (echo \"2026-12 $(openssl rand -hex 32)\"; cat master.keys) > new && mv new master.keys\n"
      "  tidemark master-key rotate\n"
      "Events are not touched. Copies of the backup directory keep what the old key wrapped.");
  rotate->final_callback([=] { context->run = [=] { return Rotate(context, false); }; });
}

}  // namespace tidemark::cli
