// Operations: backups.
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/rpc/convert.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/pace.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

void FillBackup(const storage::BackupInfo& backup, v1::Backup& out) {
  out.set_id(absl::StrCat(backup.id));
  out.set_damaged(backup.damaged);
  if (backup.damaged) return;
  FillTime(absl::FromUnixMicros(static_cast<int64_t>(backup.create_time_us)),
           *out.mutable_create_time());
  out.set_position(backup.position.value());
  out.set_bytes(backup.bytes);
  out.set_added_bytes(backup.added_bytes);
  out.set_store_id(backup.store_id);
}

absl::StatusOr<uint32_t> ParseId(const std::string& text) {
  uint32_t id = 0;
  if (text.size() <= 10 && absl::SimpleAtoi(text, &id) && absl::StrCat(id) == text) return id;
  return InvalidField("id", absl::StrCat("\"", text.substr(0, 20),
                                         "\" is not the id of a backup, which is a number as in "
                                         "ListBackups"));
}

}  // namespace

absl::StatusOr<storage::Backups*> OperationsService::FindBackups() const {
  if (parts_.backups != nullptr) return parts_.backups;
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "this server has no directory for backups; set backup_dir (--backup-dir DIR) "
                   "and start it again",
                   {.reason = "BACKUP_DIR_NOT_SET"});
}

absl::Status OperationsService::WhyItEnded(const absl::Status& status) const {
  // It was stopped because the server stops, not because the client wanted it.
  return absl::IsCancelled(status) && context_.calls.draining() ? DrainingStatus() : status;
}

absl::Status OperationsService::CreateBackup(absl::FunctionRef<bool()> client_gone,
                                             const v1::CreateBackupRequest& request,
                                             v1::CreateBackupResponse& response) {
  absl::StatusOr<storage::Backups*> backups = FindBackups();
  if (!backups.ok()) return backups.status();
  uint64_t pace = parts_.backup_bytes_per_second;
  if (request.has_bytes_per_second()) {
    pace = request.bytes_per_second();
    if (absl::Status status = CheckPace(pace); !status.ok()) return status;
  }
  absl::StatusOr<storage::BackupInfo> made = (*backups)->Create(
      parts_.store, pace, [&] { return client_gone() || context_.calls.draining(); });
  if (!made.ok()) return WhyItEnded(made.status());
  FillBackup(*made, *response.mutable_backup());
  return absl::OkStatus();
}

absl::Status OperationsService::ListBackups(const v1::ListBackupsRequest&,
                                            v1::ListBackupsResponse& response) {
  absl::StatusOr<storage::Backups*> backups = FindBackups();
  if (!backups.ok()) return backups.status();
  absl::StatusOr<std::vector<storage::BackupInfo>> list = (*backups)->List();
  if (!list.ok()) return list.status();
  for (const storage::BackupInfo& backup : *list) FillBackup(backup, *response.add_backups());
  if (const std::optional<storage::BackupProgress> running = (*backups)->running()) {
    v1::BackupProgress& out = *response.mutable_running();
    FillTime(absl::FromUnixMicros(static_cast<int64_t>(running->start_time_us)),
             *out.mutable_start_time());
    out.set_bytes_copied(running->copied_bytes);
    out.set_bytes_total(running->total_bytes);
  }
  return absl::OkStatus();
}

absl::Status OperationsService::VerifyBackup(absl::FunctionRef<bool()> client_gone,
                                             const v1::VerifyBackupRequest& request,
                                             v1::VerifyBackupResponse& response) {
  absl::StatusOr<uint32_t> id = ParseId(request.id());
  if (!id.ok()) return id.status();
  absl::StatusOr<storage::Backups*> backups = FindBackups();
  if (!backups.ok()) return backups.status();
  absl::StatusOr<storage::BackupInfo> verified =
      (*backups)->Verify(*id, parts_.backup_bytes_per_second,
                         [&] { return client_gone() || context_.calls.draining(); });
  if (!verified.ok()) return WhyItEnded(verified.status());
  FillBackup(*verified, *response.mutable_backup());
  return absl::OkStatus();
}

absl::Status OperationsService::DeleteBackup(const v1::DeleteBackupRequest& request,
                                             v1::DeleteBackupResponse&) {
  absl::StatusOr<uint32_t> id = ParseId(request.id());
  if (!id.ok()) return id.status();
  absl::StatusOr<storage::Backups*> backups = FindBackups();
  if (!backups.ok()) return backups.status();
  return (*backups)->Delete(*id);
}

}  // namespace tidemark::rpc
