// How RocksDB is opened; private to server/storage. The reasons stand beside the options.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <vector>

#include "server/storage/store.h"

namespace tidemark::storage {

// In this order the handles come back from DB::Open.
enum ColumnFamilyIndex { kMetaFamily, kDataFamily, kIndexFamily, kGroupsFamily, kProducersFamily };

rocksdb::DBOptions MakeDbOptions(const StoreOptions& options);
std::vector<rocksdb::ColumnFamilyDescriptor> MakeColumnFamilies(const StoreOptions& options);

}  // namespace tidemark::storage
