// ManifestKeeper: an Env under which the manifest that CURRENT names is never deleted.
//
// Why.       When the first bytes of a new manifest, or the new CURRENT, cannot be written, RocksDB
//            7.8 takes the new manifest for the current one all the same, and the next time it
//            looks for files that nobody needs it deletes the one that CURRENT still names: then
//            the database does not open any more. (Found by MixedPowerCutTest.)
// Threads.   Safe from any thread.
// Lifetime.  `base` outlives it, it outlives the databases that are opened with it.
#pragma once

#include <rocksdb/env.h>

#include <string>

namespace tidemark::storage {

class ManifestKeeper final : public rocksdb::EnvWrapper {
 public:
  explicit ManifestKeeper(rocksdb::Env& base);

  static const char* kClassName() { return "TidemarkManifestKeeper"; }
  const char* Name() const override { return kClassName(); }
  // Busy: CURRENT names it, or cannot be read.
  rocksdb::Status DeleteFile(const std::string& path) override;
};

}  // namespace tidemark::storage
