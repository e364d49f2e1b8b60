// How RocksDB is opened; private to server/storage. The reasons stand beside the options.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <memory>
#include <vector>

#include "server/storage/log_starts.h"
#include "server/storage/store.h"
#include "server/storage/superseded.h"

namespace tidemark::storage {

// A longer manifest is written anew, without what is no longer true (Store::Scrub makes it so).
inline constexpr uint64_t kManifestBytesMax = 8ull << 20;

// In this order the handles come back from DB::Open.
enum ColumnFamilyIndex {
  kMetaFamily,
  kDataFamily,
  kIndexFamily,
  kGroupsFamily,
  kProducersFamily,
  kDataLz4Family,
  kDataZstdFamily,
  kTermsFamily
};

// For the files of batches when they are opened beside the database.
rocksdb::Options MakeTableFileOptions(const StoreOptions& options);
rocksdb::DBOptions MakeDbOptions(const StoreOptions& options);
// `starts` and `superseded` tell what is garbage, and may be filled later.
std::vector<rocksdb::ColumnFamilyDescriptor> MakeColumnFamilies(
    const StoreOptions& options, std::shared_ptr<const LogStarts> starts,
    std::shared_ptr<const Superseded> superseded);

}  // namespace tidemark::storage
