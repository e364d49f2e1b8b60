// tidemark backup create, list, verify, delete
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "client/cli/commands.h"
#include "client/cli/context.h"
#include "client/cli/interrupt.h"
#include "client/cli/progress.h"
#include "client/cli/table.h"
#include "client/cli/time_text.h"
#include "tidemark/client.h"
#include "tidemark/stubs.h"

namespace tidemark::cli {
namespace {

using Json = nlohmann::ordered_json;
using Stub = v1::Operations::Stub;

constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);
constexpr uint64_t kCopyUnit = 1 << 20;

struct BackupArguments {
  std::string id;
  uint64_t mib_per_second = 0;  // 0: the server's setting.
};

std::string TimeOf(const v1::Backup& backup) {
  return FormatRfc3339(absl::FromUnixSeconds(backup.create_time().seconds()));
}

Json ToJson(const v1::Backup& backup) {
  Json json;
  json["id"] = backup.id();
  json["damaged"] = backup.damaged();
  if (backup.damaged()) return json;
  json["create_time"] = TimeOf(backup);
  json["position"] = backup.position();
  json["bytes"] = backup.bytes();
  json["added_bytes"] = backup.added_bytes();
  json["store_id"] = backup.store_id();
  return json;
}

// Shows how far the server is, until it is destroyed.
class BackupProgressLine {
 public:
  BackupProgressLine(Stub& stub, bool enabled) {
    if (!enabled) return;
    thread_ = std::thread([this, &stub] {
      Progress progress("copied", true);
      while (!done_.WaitForNotificationWithTimeout(kProgressInterval)) {
        grpc::ClientContext call;
        v1::ListBackupsResponse response;
        if (!stub.ListBackups(&call, {}, &response).ok() || !response.has_running()) continue;
        const v1::BackupProgress& running = response.running();
        progress.Show({.events = running.bytes_copied(),
                       .done = running.bytes_copied(),
                       .total = running.bytes_total(),
                       .are_bytes = true});
      }
    });
  }
  ~BackupProgressLine() {
    done_.Notify();
    if (thread_.joinable()) thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

// Runs `method`, which may take long; Ctrl-C ends it on the server, too.
template <typename Request, typename Response>
absl::Status CallLong(Stub& stub,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      const Request& request, Response& response) {
  grpc::ClientContext call;
  const InterruptWatcher watcher([&] { call.TryCancel(); });
  return ToStatus((stub.*method)(&call, request, &response));
}

ExitCode FailLong(Context* context, const absl::Status& status) {
  if (!Interrupted()) return context->Fail(status);
  context->Note("stopped; the server has dropped what it had begun");
  return kExitInterrupted;
}

ExitCode Create(Context* context, const BackupArguments& arguments) {
  InstallInterruptHandler();
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const std::unique_ptr<Stub> stub = OperationsStub(*client);
  v1::CreateBackupRequest request;
  if (arguments.mib_per_second > 0)
    request.set_bytes_per_second(arguments.mib_per_second * kCopyUnit);
  v1::CreateBackupResponse response;
  absl::Status status;
  {
    const BackupProgressLine line(*stub, context->terminal().stderr_is_terminal);
    status = CallLong(*stub, &Stub::CreateBackup, request, response);
  }
  if (!status.ok()) return FailLong(context, status);
  const v1::Backup& backup = response.backup();
  if (context->AdminFormat() != Format::kTable) {
    context->PrintJson(ToJson(backup));
  } else {
    context->out().Write(absl::StrCat("made backup ", backup.id(), " at position ",
                                      backup.position(), ": ", FormatBytes(backup.bytes()), ", ",
                                      FormatBytes(backup.added_bytes()), " of it new\n"));
  }
  return context->Succeed();
}

ExitCode List(Context* context) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  grpc::ClientContext call;
  v1::ListBackupsResponse response;
  const absl::Status status = ToStatus(OperationsStub(*client)->ListBackups(&call, {}, &response));
  if (!status.ok()) return context->Fail(status);
  if (context->AdminFormat() != Format::kTable) {
    Json json = Json::array();
    for (const v1::Backup& backup : response.backups()) json.push_back(ToJson(backup));
    context->PrintJsonList(json);
    return context->Succeed();
  }
  if (response.has_running()) {
    context->Note(
        absl::StrCat("one is being made: ", FormatBytes(response.running().bytes_copied()),
                     " of about ", FormatBytes(response.running().bytes_total()), " copied"));
  }
  if (response.backups().empty()) {
    context->Note("no backups; make one: tidemark backup create");
    return context->Succeed();
  }
  Table table({{"ID", Table::Align::kRight},
               {"MADE"},
               {"POSITION", Table::Align::kRight},
               {"SIZE", Table::Align::kRight},
               {"NEW", Table::Align::kRight},
               {"STORE"}});
  for (const v1::Backup& backup : response.backups()) {
    if (backup.damaged()) {
      table.AddRow({backup.id(), "damaged: cannot be restored", "", "", "", ""});
    } else {
      table.AddRow({backup.id(), TimeOf(backup), absl::StrCat(backup.position()),
                    FormatBytes(backup.bytes()), FormatBytes(backup.added_bytes()),
                    backup.store_id()});
    }
  }
  context->out().Write(table.Format(context->terminal().color_stdout));
  return context->Succeed();
}

ExitCode Verify(Context* context, const BackupArguments& arguments) {
  InstallInterruptHandler();
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  const std::unique_ptr<Stub> stub = OperationsStub(*client);
  v1::VerifyBackupRequest request;
  request.set_id(arguments.id);
  v1::VerifyBackupResponse response;
  const absl::Status status = CallLong(*stub, &Stub::VerifyBackup, request, response);
  if (absl::IsDataLoss(status)) {
    context->Fail(status);
    return kExitDamaged;
  }
  if (!status.ok()) return FailLong(context, status);
  if (context->AdminFormat() != Format::kTable) {
    context->PrintJson(ToJson(response.backup()));
  } else {
    context->out().Write(absl::StrCat("backup ", response.backup().id(), " is intact: ",
                                      FormatBytes(response.backup().bytes()), " compared\n"));
  }
  return context->Succeed();
}

ExitCode Delete(Context* context, const BackupArguments& arguments) {
  const auto client = context->Connect();
  if (!client.ok()) return context->Fail(client.status());
  grpc::ClientContext call;
  v1::DeleteBackupRequest request;
  request.set_id(arguments.id);
  v1::DeleteBackupResponse response;
  const absl::Status status =
      ToStatus(OperationsStub(*client)->DeleteBackup(&call, request, &response));
  if (!status.ok()) return context->Fail(status);
  if (context->AdminFormat() == Format::kTable) {
    context->out().Write(absl::StrCat("deleted backup ", arguments.id, "\n"));
  } else {
    context->PrintJson({{"id", arguments.id}});
  }
  return context->Succeed();
}

}  // namespace

void AddBackupCommands(CLI::App* root, Context* context) {
  CLI::App* backup = root->add_subcommand("backup", "Make, list, verify and delete backups");
  backup->require_subcommand(1);
  auto arguments = std::make_shared<BackupArguments>();

  CLI::App* create = backup->add_subcommand(
      "create", "Back up the whole store, while it works, into the server's backup_dir");
  create
      ->add_option("--mib-per-second", arguments->mib_per_second,
                   "How fast to copy. Default: the server's backup_bytes_per_second")
      ->type_name("N")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 20));
  create->footer(
      "Files that an older backup has are not copied again. Ctrl-C stops it, and nothing is left.\n"
      "To restore: tidemarkd restore --from BACKUP_DIR --data NEW_DIR\n\n"
      "Examples:\n  tidemark backup create\n  tidemark backup create --mib-per-second 20 -o json");
  create->final_callback([=] { context->run = [=] { return Create(context, *arguments); }; });

  CLI::App* list = backup->add_subcommand("list", "Show the backups, newest first");
  list->final_callback([=] { context->run = [=] { return List(context); }; });

  CLI::App* verify = backup->add_subcommand(
      "verify", "Read all of a backup and compare it with the checksums; exit code 4: damaged");
  verify->add_option("ID", arguments->id, "The backup")->required();
  verify->final_callback([=] { context->run = [=] { return Verify(context, *arguments); }; });

  CLI::App* remove = backup->add_subcommand("delete", "Delete a backup");
  remove->add_option("ID", arguments->id, "The backup")->required();
  remove->final_callback([=] { context->run = [=] { return Delete(context, *arguments); }; });
}

}  // namespace tidemark::cli
