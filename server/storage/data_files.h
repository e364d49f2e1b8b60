// The files that hold batches, as those see them who drop and rewrite files; private to
// server/storage.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/table_properties.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/storage/log_runs.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {

struct DataFile {
  rocksdb::ColumnFamilyHandle* family = nullptr;
  Compression compression = Compression::kNone;  // Of the family.
  uint64_t number = 0;
  int level = 0;
  EpochSpan epochs;
  std::string smallest;
  std::string largest;
  uint64_t bytes = 0;
  bool being_compacted = false;
};

// Of all data families, each by its smallest key.
std::vector<DataFile> DataFilesOf(rocksdb::DB& db, const ColumnFamilies& families);

// The properties of the files that begin and end where `file` does: its own, unless it is gone.
absl::StatusOr<rocksdb::TablePropertiesCollection> PropertiesOf(rocksdb::DB& db,
                                                                const DataFile& file);

// Which logs it holds up to where. Empty: the file is gone.
absl::StatusOr<std::vector<LogRun>> RunsOf(rocksdb::DB& db, const DataFile& file);

// Compacts the file alone; the filter leaves the garbage out. OK does not say that it happened: a
// compaction that moves the file meanwhile gets in the way; then it is still needed.
absl::Status Rewrite(rocksdb::DB& db, const DataFile& file);
bool IsNeeded(rocksdb::DB& db, const DataFile& file);

}  // namespace tidemark::storage
