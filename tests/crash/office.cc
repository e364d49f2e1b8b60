#include "tests/crash/office.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/groups/verify_groups.h"
#include "server/log/verify_erased.h"
#include "server/log/verify_partition.h"
#include "server/log/verify_producers.h"
#include "server/rpc/work_source.h"

namespace tidemark::testing {

Office::Office(LogHarness::Options options) : disk_(dir_.path()) {
  options.store.path = data();
  options.store.env = disk_.env();
  options.store.block_cache_bytes = 1 << 20;
  options.starts_eraser = false;
  harness_.emplace(std::move(options));
}

absl::Status Office::Open() {
  if (absl::Status opened = harness_->Open(); !opened.ok()) return opened;
  backups_ = std::make_unique<storage::Backups>(
      dir_.Sub("backups"), disk_.env(), harness_->has_vault() ? &harness_->vault() : nullptr);
  executor_ = std::make_unique<base::ThreadPool>("disk", 2);
  groups::CoordinatorOptions options;
  options.work_source = rpc::MakeWorkSources(harness_->log(), 1 << 20);
  groups_ = std::make_unique<groups::GroupCoordinator>(options, harness_->log(), *executor_,
                                                       harness_->clock(), harness_->metrics());
  if (absl::Status loaded = groups_->Load(); !loaded.ok()) return loaded;
  // As the server does: once everybody can be asked to forget.
  log().eraser().SetForgetKeys([this] { return backups_->RefreshKeys(); });
  log().eraser().Start();
  return absl::OkStatus();
}

void Office::Close() {
  if (executor_ != nullptr) executor_->Shutdown();
  if (harness_->is_open()) harness_->log().Stop();
  groups_.reset();
  executor_.reset();
  harness_->Close();
  backups_.reset();
}

std::vector<std::string> Office::Verify() {
  std::vector<std::string> found;
  log::VerifyProgress progress(std::nullopt,
                               [&](const log::VerifyCounts&, std::vector<log::Finding> findings) {
                                 for (const log::Finding& finding : findings) {
                                   found.push_back(absl::StrCat("verify: ", log::TextOf(finding)));
                                 }
                                 return absl::OkStatus();
                               });
  absl::Status status;
  for (const log::TopicPtr& topic : log().catalog().List("", "", 10'000)) {
    for (uint32_t p = 0; p < topic->partitions() && status.ok(); ++p) {
      status = log::VerifyPartition(log(), topic, PartitionIndex(p), progress);
    }
  }
  if (status.ok()) status = log::VerifyErasures(log(), nullptr, progress);
  if (status.ok()) status = groups::VerifyGroups(log(), nullptr, progress);
  if (status.ok()) status = log::VerifyProducers(log(), progress);
  if (status.ok()) status = progress.Flush();
  if (!status.ok()) found.push_back(absl::StrCat("verify: ", status.ToString()));
  return found;
}

}  // namespace tidemark::testing
