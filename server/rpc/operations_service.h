// The Operations service.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "server/config/load_settings.h"
#include "server/rpc/rpc_context.h"
#include "tidemark/v1/operations.grpc.pb.h"

namespace tidemark::rpc {

class OperationsService final : public v1::Operations::Service {
 public:
  OperationsService(const RpcContext& context, std::vector<config::SettingValue> settings,
                    absl::Time start_time)
      : context_(context), settings_(std::move(settings)), start_time_(start_time) {}

  grpc::Status GetServerInfo(grpc::ServerContext*, const v1::GetServerInfoRequest* request,
                             v1::GetServerInfoResponse* response) override;
  grpc::Status CreateBackup(grpc::ServerContext*, const v1::CreateBackupRequest* request,
                            v1::CreateBackupResponse* response) override;
  grpc::Status ListBackups(grpc::ServerContext*, const v1::ListBackupsRequest* request,
                           v1::ListBackupsResponse* response) override;
  grpc::Status VerifyStore(grpc::ServerContext*, const v1::VerifyStoreRequest* request,
                           grpc::ServerWriter<v1::VerifyStoreResponse>* writer) override;
  grpc::Status GetConfig(grpc::ServerContext*, const v1::GetConfigRequest* request,
                         v1::GetConfigResponse* response) override;

 private:
  const RpcContext& context_;
  const std::vector<config::SettingValue> settings_;
  const absl::Time start_time_;
};

}  // namespace tidemark::rpc
