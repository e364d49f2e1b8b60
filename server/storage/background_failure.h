// BackgroundFailure: after an error behind a flush, a compaction or the manifest RocksDB stays
// stopped until the store is opened again, and it can be asked for that.
//
// Why.       Of a full disk RocksDB 7.8 recovers by itself whatever max_bgerror_resume_count says,
//            and then is half stopped: it ingests files under the number 0. And who only copies
//            files does not find out by themselves. (Found by MixedPowerCutTest.)
// Threads.   Safe from any thread.
// Lifetime.  Made before the database, which holds it as its listener.
#pragma once

#include <rocksdb/listener.h>

#include <atomic>

namespace tidemark::storage {

class BackgroundFailure final : public rocksdb::EventListener {
 public:
  // Never false again.
  bool happened() const { return happened_; }

  // From RocksDB, on any thread.
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status* error) override {
    if (error->severity() >= rocksdb::Status::kHardError) happened_ = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  std::atomic<bool> happened_ = false;
};

}  // namespace tidemark::storage
