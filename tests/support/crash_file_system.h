// CrashFileSystem: a disk whose power can fail at any sync, and which then forgets what was not
// synced; which fails, is slow, or reads a wrong bit. The files themselves are ordinary ones below
// a directory of the test.
//
// Usage.     CrashFileSystem disk(dir.path());
//            options.env = disk.env();  ...open, write...
//            disk.CutPowerAtSync(n, When::kBefore);  ...write until everything fails, close...
//            disk.RestorePower(Loss::kAllUnsynced);  ...open again: what is there?
// Counting.  A sync is one Sync, Fsync or directory fsync of anybody, background threads included.
// Threads.   Safe from any thread; RestorePower only when no file is open.
// Lifetime.  Outlives every store opened with its env.
#pragma once

#include <rocksdb/env.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace tidemark::testing {

class CrashFileSystem {
 public:
  enum class When {
    kBefore,  // The sync at which the power fails has no effect.
    kAfter,   // It has, but nobody learns of it.
  };
  enum class Loss {
    kAllUnsynced,
    kSomeUnsynced,  // A seeded choice.
  };
  // A way for the disk to lie, which a durable server cannot survive: shows that a test can fail.
  enum class Lie { kNone, kFileSync, kDirectorySync };
  enum class Operation { kSync, kWrite, kCreate, kRename };
  // kShortWrite: half of the bytes are written all the same. Only of a write; else as kIo.
  enum class Error { kIo, kNoSpace, kShortWrite };

  // `root` exists.
  explicit CrashFileSystem(const std::string& root);
  ~CrashFileSystem();

  rocksdb::Env* env();

  // Syncs since construction or RestorePower.
  int syncs() const;
  // The power fails at the n-th sync from now, 1 being the next one.
  void CutPowerAtSync(int n, When when);
  void CutPower();
  bool power_is_cut() const;
  // What the disk kept is what there is. `seed` chooses with kSomeUnsynced.
  void RestorePower(Loss loss, uint64_t seed = 0);

  // The n-th such operation from now on a file whose name ends with `suffix` fails once, without
  // effect (but see Error); 1 is the next one, 0: none does. Of a rename the new name counts.
  void FailOnce(Operation operation, absl::string_view suffix, int n = 1, Error error = Error::kIo);
  // True: nothing is to fail any more.
  bool has_failed() const;
  // Of what the n-th read from now on of a file whose name ends with `suffix` gives, one bit is
  // wrong, once; `seed` chooses which. A read that gives nothing does not count.
  void FlipOnce(absl::string_view suffix, int n, uint64_t seed);
  // True: no bit is to be flipped any more.
  bool has_flipped() const;
  // Syncs of files whose name ends with `suffix` wait until ReleaseSyncs, as on a slow disk.
  void HoldSyncs(absl::string_view suffix);
  void ReleaseSyncs();
  void LieAbout(Lie lie);

 private:
  class Env;
  class Files;
  class WritableFile;
  class SequentialFile;
  class RandomAccessFile;
  class Directory;

  std::shared_ptr<Files> files_;
  std::unique_ptr<Env> env_;
};

}  // namespace tidemark::testing
