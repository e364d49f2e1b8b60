// ManifestKeeper: an Env under which nothing is deleted that the manifest on disk names.
//
// Why.       Two faults of RocksDB 7.8, after which a database does not open any more (found by
//            MixedPowerCutTest). When the first bytes of a new manifest, or the new CURRENT, cannot
//            be written, it takes the new manifest for the current one all the same, and the next
//            time it looks for files that nobody needs it deletes the one that CURRENT still names.
//            And when a record of the manifest cannot be written or synced, it deletes the tables
//            that the record adds, although the record may be on disk: so it is where tables are
//            ingested, and where the records of several families are written at once.
// How.       A manifest that CURRENT names is not deleted. Once a manifest, CURRENT or the names in
//            the directory could not be written, no table is, until CURRENT names a manifest that
//            was begun since, and nothing failed again. RocksDB tries no deletion twice, but
//            deletes what nobody needs when it is asked to look (DeleteObsoleteFiles) or opened.
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
  // Busy: CURRENT names it, or cannot be read; or it is a table that the manifest may name.
  rocksdb::Status DeleteFile(const std::string& path) override;

 private:
  class Doubt;
  class File;
  class Directory;
  class Files;
};

}  // namespace tidemark::storage
