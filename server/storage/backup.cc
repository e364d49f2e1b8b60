#include "server/storage/backup.h"

#include <rocksdb/rate_limiter.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/stackable_db.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "server/base/error.h"
#include "server/base/executor.h"
#include "server/base/system_clock.h"
#include "server/storage/backup_catalog.h"
#include "server/storage/backup_files.h"
#include "server/storage/record_codec.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

constexpr uint64_t kProgressBytes = 1 << 20;
constexpr uint64_t kBufferBytes = 1 << 20;  // Of a copy; what it may take in one go.
constexpr uint64_t kMicrosPerSecond = 1'000'000;
constexpr uint64_t kRefillMicrosMax = 100'000;
constexpr uint64_t kBytesPerSecondMax = 10ull << 30;  // As good as no limit: a period of 0.1 ms.
constexpr absl::Duration kStopPoll = absl::Milliseconds(50);

using LiveFiles = std::vector<rocksdb::LiveFileStorageInfo>;

// The database as the engine sees it: tells when the list of files was taken.
class CapturedDb final : public rocksdb::StackableDB {
 public:
  CapturedDb(rocksdb::DB& db, absl::FunctionRef<void(const LiveFiles&)> on_captured)
      : StackableDB(std::shared_ptr<rocksdb::DB>(&db, [](rocksdb::DB*) {})),
        on_captured_(on_captured) {}

  rocksdb::Status GetLiveFilesStorageInfo(const rocksdb::LiveFilesStorageInfoOptions& options,
                                          LiveFiles* files) override {
    const rocksdb::Status status = StackableDB::GetLiveFilesStorageInfo(options, files);
    on_captured_(*files);
    return status;
  }

 private:
  const absl::FunctionRef<void(const LiveFiles&)> on_captured_;
};

// Stops the engine once `stopped` says so, which is asked once at least.
class StopWatch {
 public:
  StopWatch(rocksdb::BackupEngine& engine, Backups::Stopped stopped)
      : thread_([this, &engine, stopped] {
          do {
            if (stopped()) return engine.StopBackup();
          } while (!done_.WaitForNotificationWithTimeout(kStopPoll));
        }) {}
  ~StopWatch() {
    done_.Notify();
    thread_.join();
  }

 private:
  absl::Notification done_;
  std::thread thread_;
};

// The engine's threads inherit the priority of the thread that opens it.
void OnLoweredThread(absl::FunctionRef<void()> work) {
  std::thread([work] {
    base::NameThisThread("backup");
    base::LowerThisThread();
    work();
  }).join();
}

std::shared_ptr<rocksdb::RateLimiter> Limiter(uint64_t bytes_per_second,
                                              rocksdb::RateLimiter::Mode what) {
  // The engine reads as much at once as the limiter gives out in one period.
  bytes_per_second = std::min(bytes_per_second, kBytesPerSecondMax);
  const auto period = static_cast<int64_t>(
      std::min(kBufferBytes * kMicrosPerSecond / bytes_per_second, kRefillMicrosMax));
  return std::shared_ptr<rocksdb::RateLimiter>(
      rocksdb::NewGenericRateLimiter(static_cast<int64_t>(bytes_per_second), period,
                                     /*fairness=*/10, what));
}

std::string Metadata(const StoreRecord& store, const CommitMark& mark) {
  return nlohmann::json{{"store_id", store.store_id},
                        {"vault_id", store.vault_id},
                        {"position", mark.position.value()},
                        {"format", store.format_version}}
      .dump();
}

absl::Status Busy(absl::string_view who) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("a backup is being made, verified or deleted", who, "; wait until that is done"),
      {.reason = "BACKUP_BUSY"});
}

absl::Status FromEngine(const rocksdb::Status& status, absl::string_view doing,
                        Backups::Stopped stopped) {
  if (status.IsIncomplete() && stopped()) {
    return absl::CancelledError(absl::StrCat(doing, " was stopped"));
  }
  // A file that is gone says nothing of the caller's request.
  if (status.IsNotFound()) {
    return absl::UnavailableError(absl::StrCat(doing, ": ", status.ToString()));
  }
  return FromRocks(status, doing);
}

// Bytes of `files` that are not among those of the directory yet, as far as their names tell.
uint64_t BytesToCopy(rocksdb::Env& env, const std::string& directory, const LiveFiles& files) {
  // Shared files are called NUMBER_sSESSION_SIZE.sst.
  absl::flat_hash_set<std::pair<std::string, std::string>> there;
  std::vector<std::string> names;
  env.GetChildren(absl::StrCat(directory, "/shared_checksum"), &names).PermitUncheckedError();
  for (const std::string& name : names) {
    const std::vector<std::string> parts = absl::StrSplit(name, '_');
    if (parts.size() == 3) there.emplace(parts[0], parts[2]);
  }
  uint64_t bytes = 0;
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    const std::string number(absl::StripSuffix(file.relative_filename, ".sst"));
    if (!there.contains(std::pair(number, absl::StrCat(file.size, ".sst")))) bytes += file.size;
  }
  return bytes;
}

// The number in what CURRENT holds, "MANIFEST-000061"; 0: it is none.
uint64_t ManifestIn(absl::string_view current) {
  uint64_t number = 0;
  current = absl::StripTrailingAsciiWhitespace(current);
  if (!absl::ConsumePrefix(&current, "MANIFEST-") || !absl::SimpleAtoi(current, &number)) return 0;
  return number;
}

// After a manifest could not be written RocksDB may name it all the same, while the store goes on
// with the one before, until the next one is begun. (Found by MixedPowerCutTest.)
absl::Status CheckManifest(rocksdb::Env& env, const std::string& path, const LiveFiles& files) {
  std::string named;
  for (const rocksdb::LiveFileStorageInfo& file : files) {
    if (file.file_type == rocksdb::kCurrentFile) named = file.replacement_contents;
  }
  std::string current;
  const rocksdb::Status read = rocksdb::ReadFileToString(&env, path + "/CURRENT", &current);
  if (!read.ok()) return FromRocks(read, absl::StrCat("reading ", path, "/CURRENT"));
  if (ManifestIn(named) != 0 && ManifestIn(named) <= ManifestIn(current)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the store's list of files, ",
                                             absl::StripTrailingAsciiWhitespace(named),
                                             ", could not be written: no backup is made until it "
                                             "can; see the server's log for the error"));
}

}  // namespace

// The right to change the directory, or to rely on it: of one call of one process.
class Backups::Turn {
 public:
  explicit Turn(Backups& backups) : backups_(backups) {}
  ~Turn() {
    if (lock_ != nullptr) backups_.env_->UnlockFile(lock_).PermitUncheckedError();
    if (!taken_) return;
    absl::MutexLock lock(&backups_.mu_);
    backups_.busy_ = false;
  }

  absl::Status Take() {
    {
      absl::MutexLock lock(&backups_.mu_);
      taken_ = !std::exchange(backups_.busy_, true);
    }
    if (!taken_) return Busy("");
    const std::string& directory = backups_.directory_;
    const rocksdb::Status made = backups_.env_->CreateDirIfMissing(directory);
    if (!made.ok()) return FromRocks(made, absl::StrCat("making ", directory));
    if (absl::Status synced = SyncParent(*backups_.env_, directory); !synced.ok()) return synced;
    // The engine would take what another process is writing for rubbish.
    if (!backups_.env_->LockFile(absl::StrCat(directory, "/LOCK"), &lock_).ok()) {
      lock_ = nullptr;
      return Busy(absl::StrCat(" by another process in ", directory));
    }
    return absl::OkStatus();
  }

 private:
  Backups& backups_;
  bool taken_ = false;
  rocksdb::FileLock* lock_ = nullptr;
};

Backups::Backups(std::string directory, rocksdb::Env* env, KeyVault* vault)
    : directory_(absl::StripSuffix(directory, "/")),
      env_(env != nullptr ? env : rocksdb::Env::Default()),
      vault_(vault),
      backup_env_(rocksdb::NewCompositeEnv(std::make_shared<BackupFiles>(*env_, directory_))) {}

Backups::~Backups() = default;

absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> Backups::OpenEngine(
    std::shared_ptr<rocksdb::RateLimiter> limiter) const {
  rocksdb::BackupEngineOptions options(directory_, backup_env_.get());
  options.callback_trigger_interval_size = kProgressBytes;
  options.backup_rate_limiter = std::move(limiter);
  rocksdb::BackupEngine* engine = nullptr;
  rocksdb::Status status;
  OnLoweredThread([&] { status = rocksdb::BackupEngine::Open(options, env_, &engine); });
  if (!status.ok()) return FromRocks(status, absl::StrCat("opening the backups in ", directory_));
  return std::unique_ptr<rocksdb::BackupEngine>(engine);
}

absl::StatusOr<BackupInfo> Backups::Create(Store& store, uint64_t bytes_per_second,
                                           Stopped stopped) {
  Turn turn(*this);
  if (absl::Status taken = turn.Take(); !taken.ok()) return taken;
  copied_bytes_ = 0;
  total_bytes_ = 0;
  {
    absl::MutexLock lock(&mu_);
    running_since_us_ = absl::ToUnixMicros(base::SystemClock().Now());
  }
  absl::StatusOr<BackupInfo> made = CreateNow(store, bytes_per_second, stopped);
  absl::MutexLock lock(&mu_);
  running_since_us_.reset();
  counts_.copied_bytes += copied_bytes_;
  if (made.ok()) {
    ++counts_.made;
    counts_.last_create_time_us = made->create_time_us;
  } else {
    ++counts_.failed;
  }
  return made;
}

absl::StatusOr<BackupInfo> Backups::CreateNow(Store& store, uint64_t bytes_per_second,
                                              Stopped stopped) {
  absl::StatusOr<StoreRecord> record = store.ReadStoreRecord();
  if (!record.ok()) return record.status();
  absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> engine =
      OpenEngine(Limiter(bytes_per_second, rocksdb::RateLimiter::Mode::kWritesOnly));
  if (!engine.ok()) return engine.status();
  // What an earlier one left goes now, not while commits are held.
  rocksdb::Status status = (*engine)->GarbageCollect();
  if (!status.ok()) return FromRocks(status, "removing what an unfinished backup left");

  rocksdb::CreateBackupOptions options;
  options.progress_callback = [this] { copied_bytes_ += kProgressBytes; };
  uint32_t id = 0;
  absl::Status whole;
  {
    const StopWatch watch(**engine, stopped);
    absl::ReleasableMutexLock commits(&store.rep_->wal_mu);
    if (store.rep_->failed) return RefusedAfterFailure();
    const int64_t held_since = base::MonotonicNanos();
    const absl::StatusOr<CommitMark> mark = store.ReadCommitMark();
    if (!mark.ok()) return mark.status();
    const auto on_captured = [&](const LiveFiles& files) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      commits.Release();
      const absl::Duration held = absl::Nanoseconds(base::MonotonicNanos() - held_since);
      whole = CheckManifest(*env_, store.rep_->options.path, files);
      // Before the engine says that there is a backup: whoever finds it after a crash has the keys
      // of its events.
      if (whole.ok()) whole = WriteKeys();
      total_bytes_ = BytesToCopy(*env_, directory_, files);
      absl::MutexLock lock(&mu_);
      counts_.last_hold_time = held;
    };
    CapturedDb captured(*store.rep_->db, on_captured);
    status =
        (*engine)->CreateNewBackupWithMetadata(options, &captured, Metadata(*record, *mark), &id);
  }
  if (!status.ok()) return FromEngine(status, "making a backup", stopped);
  if (store.rep_->background_failure->happened()) whole = RefusedAfterFailure();
  // Again, without those that were destroyed meanwhile.
  if (whole.ok()) whole = WriteKeys();
  if (whole.ok()) return Find(id);
  engine->reset();
  if (absl::Status deleted = DeleteNow(id); !deleted.ok()) return deleted;
  return whole;
}

absl::Status Backups::WriteKeys() const {
  if (vault_ == nullptr) return absl::OkStatus();
  const std::string path = KeysPath(directory_, vault_->id());
  const std::string fresh = path + ".new";
  if (absl::Status written = vault_->Export(*env_, fresh); !written.ok()) return written;
  const rocksdb::Status renamed = env_->RenameFile(fresh, path);
  if (!renamed.ok()) return FromRocks(renamed, absl::StrCat("renaming ", fresh));
  return SyncParent(*env_, path);
}

absl::Status Backups::RefreshKeys() {
  if (vault_ == nullptr) return absl::OkStatus();
  if (!env_->FileExists(KeysPath(directory_, vault_->id())).ok()) return absl::OkStatus();
  Turn turn(*this);
  if (absl::Status taken = turn.Take(); !taken.ok()) return taken;
  return WriteKeys();
}

absl::StatusOr<std::vector<BackupInfo>> Backups::List() const {
  absl::MutexLock files(&files_mu_);
  return ListBackups(*env_, directory_);
}

absl::StatusOr<BackupInfo> Backups::Find(uint32_t id) const {
  absl::MutexLock files(&files_mu_);
  return FindBackup(*env_, directory_, id);
}

absl::StatusOr<BackupInfo> Backups::Verify(uint32_t id, uint64_t bytes_per_second,
                                           Stopped stopped) {
  Turn turn(*this);
  if (absl::Status taken = turn.Take(); !taken.ok()) return taken;
  absl::StatusOr<BackupInfo> found = Find(id);
  if (!found.ok()) return found.status();
  absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> engine =
      OpenEngine(Limiter(bytes_per_second, rocksdb::RateLimiter::Mode::kAllIo));
  if (!engine.ok()) return engine.status();
  const StopWatch watch(**engine, stopped);
  rocksdb::Status status;
  OnLoweredThread([&] { status = (*engine)->VerifyBackup(id, /*verify_with_checksum=*/true); });
  if (status.IsNotFound()) {
    return absl::DataLossError(absl::StrCat("backup ", id, ": ", status.ToString()));
  }
  if (!status.ok()) return FromEngine(status, absl::StrCat("verifying backup ", id), stopped);
  if (!found->vault_id.empty()) {
    const std::string keys = KeysPath(directory_, found->vault_id);
    if (absl::Status whole = KeyVault::CheckExport(*env_, keys); !whole.ok()) return whole;
  }
  return found;
}

absl::Status Backups::Delete(uint32_t id) {
  Turn turn(*this);
  if (absl::Status taken = turn.Take(); !taken.ok()) return taken;
  absl::StatusOr<BackupInfo> found = Find(id);
  if (!found.ok() && !absl::IsDataLoss(found.status())) return found.status();
  return DeleteNow(id);
}

absl::Status Backups::DeleteNow(uint32_t id) {
  absl::StatusOr<std::unique_ptr<rocksdb::BackupEngine>> engine = OpenEngine(nullptr);
  if (!engine.ok()) return engine.status();
  absl::MutexLock files(&files_mu_);
  return FromRocks((*engine)->DeleteBackup(id), absl::StrCat("deleting backup ", id));
}

std::optional<BackupProgress> Backups::running() const {
  absl::MutexLock lock(&mu_);
  if (!running_since_us_.has_value()) return std::nullopt;
  return BackupProgress{.start_time_us = *running_since_us_,
                        .copied_bytes = copied_bytes_,
                        .total_bytes = total_bytes_};
}

BackupCounts Backups::counts() const {
  absl::MutexLock lock(&mu_);
  return counts_;
}

}  // namespace tidemark::storage
