#include "tests/support/crash_file_system.h"

#include <algorithm>
#include <utility>

#include "tests/support/crash_files.h"

namespace tidemark::testing {

// RocksDB pauses for a second after each failure in the background; nobody waits for that here.
class CrashFileSystem::Env : public rocksdb::EnvWrapper {
 public:
  explicit Env(std::shared_ptr<rocksdb::FileSystem> files)
      : EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    file_system_ = std::move(files);
  }
  static const char* kClassName() { return "CrashEnv"; }
  const char* Name() const override { return kClassName(); }
  void SleepForMicroseconds(int micros) override {
    EnvWrapper::SleepForMicroseconds(std::min(micros, 1000));
  }
};

CrashFileSystem::CrashFileSystem(const std::string& root)
    : files_(std::make_shared<Files>(root)), env_(std::make_unique<Env>(files_)) {}
CrashFileSystem::~CrashFileSystem() = default;

rocksdb::Env* CrashFileSystem::env() { return env_.get(); }

int CrashFileSystem::syncs() const {
  absl::MutexLock lock(&files_->mu_);
  return files_->syncs_;
}

void CrashFileSystem::CutPowerAtSync(int n, When when) {
  absl::MutexLock lock(&files_->mu_);
  files_->cut_in_ = n;
  files_->cut_when_ = when;
}

void CrashFileSystem::CutPower() {
  absl::MutexLock lock(&files_->mu_);
  files_->cut_ = true;
}

bool CrashFileSystem::power_is_cut() const {
  absl::MutexLock lock(&files_->mu_);
  return files_->cut_;
}

void CrashFileSystem::RestorePower(Loss loss, uint64_t seed) { files_->RestorePower(loss, seed); }

void CrashFileSystem::FailOnce(Operation operation, absl::string_view suffix, int n, Error error) {
  absl::MutexLock lock(&files_->mu_);
  files_->failure_ = {operation, std::string(suffix), n, error};
}

bool CrashFileSystem::has_failed() const {
  absl::MutexLock lock(&files_->mu_);
  return files_->failure_.left == 0;
}

void CrashFileSystem::FlipOnce(absl::string_view suffix, int n, uint64_t seed) {
  absl::MutexLock lock(&files_->mu_);
  files_->flip_ = {std::string(suffix), n, seed};
}

bool CrashFileSystem::has_flipped() const {
  absl::MutexLock lock(&files_->mu_);
  return files_->flip_.left == 0;
}

void CrashFileSystem::HoldSyncs(absl::string_view suffix) {
  absl::MutexLock lock(&files_->mu_);
  files_->held_suffix_ = std::string(suffix);
}

void CrashFileSystem::ReleaseSyncs() {
  absl::MutexLock lock(&files_->mu_);
  files_->held_suffix_.clear();
}

void CrashFileSystem::LieAbout(Lie lie) {
  absl::MutexLock lock(&files_->mu_);
  files_->lie_ = lie;
}

}  // namespace tidemark::testing
