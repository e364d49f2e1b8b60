// The Operations service.
#pragma once

#include <atomic>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/config/load_settings.h"
#include "server/rpc/rpc_context.h"
#include "server/storage/backup.h"
#include "server/storage/key_vault.h"
#include "tidemark/v1/operations.grpc.pb.h"

namespace tidemark::rpc {

// What only operations need. It outlives the service.
struct OperationsParts {
  storage::Store& store;
  storage::Backups* backups = nullptr;  // Null: no directory is set for them.
  uint64_t backup_bytes_per_second = 0;
  storage::KeyVault* vault = nullptr;  // Null: there are no master keys.
};

class OperationsService {
 public:
  OperationsService(const RpcContext& context, const OperationsParts& parts,
                    std::vector<config::SettingValue> settings, absl::Time start_time)
      : context_(context), parts_(parts), settings_(std::move(settings)), start_time_(start_time) {}

  absl::Status GetServerInfo(const v1::GetServerInfoRequest& request,
                             v1::GetServerInfoResponse& response);
  absl::Status CreateBackup(absl::FunctionRef<bool()> client_gone,
                            const v1::CreateBackupRequest& request,
                            v1::CreateBackupResponse& response);
  absl::Status ListBackups(const v1::ListBackupsRequest& request,
                           v1::ListBackupsResponse& response);
  absl::Status VerifyBackup(absl::FunctionRef<bool()> client_gone,
                            const v1::VerifyBackupRequest& request,
                            v1::VerifyBackupResponse& response);
  absl::Status DeleteBackup(const v1::DeleteBackupRequest& request,
                            v1::DeleteBackupResponse& response);
  absl::Status RotateMasterKey(const v1::RotateMasterKeyRequest& request,
                               v1::RotateMasterKeyResponse& response);
  absl::Status VerifyStore(const v1::VerifyStoreRequest& request,
                           absl::FunctionRef<bool(const v1::VerifyStoreResponse&)> write);
  absl::Status GetConfig(const v1::GetConfigRequest& request, v1::GetConfigResponse& response);

 private:
  // FAILED_PRECONDITION  BACKUP_DIR_NOT_SET.
  absl::StatusOr<storage::Backups*> FindBackups() const;
  absl::Status WhyItEnded(const absl::Status& status) const;

  const RpcContext& context_;
  const OperationsParts parts_;
  const std::vector<config::SettingValue> settings_;
  const absl::Time start_time_;
  std::atomic<bool> verifying_ = false;
  std::atomic<bool> rotating_ = false;
};

}  // namespace tidemark::rpc
