// Operations.RotateMasterKey.
#include "absl/cleanup/cleanup.h"
#include "absl/time/clock.h"
#include "server/base/error.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/stream_refusal.h"

namespace tidemark::rpc {
namespace {

constexpr absl::Duration kScrubPause = absl::Milliseconds(20);

}  // namespace

absl::Status OperationsService::RotateMasterKey(const v1::RotateMasterKeyRequest& request,
                                                v1::RotateMasterKeyResponse& response) {
  if (parts_.vault == nullptr) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "this server has no master keys; set master_key_file (--master-key-file FILE) "
                     "and start it again",
                     {.reason = "MASTER_KEY_FILE_NOT_SET"});
  }
  if (rotating_.exchange(true)) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "another call wraps keys with the current master key; wait until it is done",
                     {.reason = "ROTATION_BUSY"});
  }
  const absl::Cleanup done = [this] { rotating_ = false; };
  absl::StatusOr<storage::RotationReport> report = parts_.vault->Rotate(request.dry_run());
  if (!report.ok()) return report.status();
  response.set_master_key(report->master_key);
  response.set_entity_keys(report->entity_keys);
  response.set_rewrapped(report->rewrapped);
  for (const std::string& name : report->idle) response.add_idle_keys(name);
  if (request.dry_run()) return absl::OkStatus();
  // RocksDB removes old files a moment after they are not needed any more.
  while (true) {
    const absl::StatusOr<bool> scrubbed = parts_.vault->Scrub();
    if (!scrubbed.ok()) return scrubbed.status();
    if (*scrubbed) break;
    if (context_.calls.draining()) return DrainingStatus();
    absl::SleepFor(kScrubPause);
  }
  return parts_.backups == nullptr ? absl::OkStatus() : parts_.backups->RefreshKeys();
}

}  // namespace tidemark::rpc
