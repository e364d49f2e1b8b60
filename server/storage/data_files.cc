#include "server/storage/data_files.h"

#include <algorithm>
#include <utility>

namespace tidemark::storage {
namespace {

std::vector<DataFile> DataFilesOf(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family) {
  rocksdb::ColumnFamilyMetaData meta;
  db.GetColumnFamilyMetaData(family, &meta);
  std::vector<DataFile> files;
  for (const rocksdb::LevelMetaData& level : meta.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      files.push_back({.family = family,
                       .number = file.file_number,
                       .level = level.level,
                       .epochs = {.first = ParseDataKey(file.smallestkey).epoch,
                                  .last = ParseDataKey(file.largestkey).epoch},
                       .smallest = file.smallestkey,
                       .largest = file.largestkey,
                       .bytes = file.size,
                       .being_compacted = file.being_compacted});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const DataFile& a, const DataFile& b) { return a.smallest < b.smallest; });
  return files;
}

// The long way, for files without the property: reads the file.
absl::StatusOr<std::vector<LogRun>> RunsByReading(rocksdb::DB& db, const DataFile& file) {
  rocksdb::ReadOptions read;
  read.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(read, file.family));
  RunBuilder runs;
  for (it->Seek(file.smallest); it->Valid() && it->key().compare(file.largest) <= 0; it->Next()) {
    runs.Add(ParseDataKey(ToView(it->key())), it->key().size() + it->value().size());
  }
  if (!it->status().ok()) return FromRocks(it->status(), "reading a data file");
  return runs.runs();
}

}  // namespace

std::vector<DataFile> DataFilesOf(rocksdb::DB& db, const ColumnFamilies& families) {
  std::vector<DataFile> files;
  for (size_t i = 0; i < families.data.size(); ++i) {
    for (DataFile& file : DataFilesOf(db, families.data[i])) {
      file.compression = static_cast<Compression>(i);
      files.push_back(std::move(file));
    }
  }
  return files;
}

absl::StatusOr<rocksdb::TablePropertiesCollection> PropertiesOf(rocksdb::DB& db,
                                                                const DataFile& file) {
  const rocksdb::Range range(file.smallest, file.largest);
  rocksdb::TablePropertiesCollection properties;
  const rocksdb::Status status =
      db.GetPropertiesOfTablesInRange(file.family, &range, 1, &properties);
  if (!status.ok()) return FromRocks(status, "reading the properties of a data file");
  return properties;
}

absl::StatusOr<std::vector<LogRun>> RunsOf(rocksdb::DB& db, const DataFile& file) {
  absl::StatusOr<rocksdb::TablePropertiesCollection> properties = PropertiesOf(db, file);
  if (!properties.ok()) return properties.status();
  if (properties->empty()) return std::vector<LogRun>();
  if (properties->size() == 1) {
    const auto& collected = properties->begin()->second->user_collected_properties;
    const auto found = collected.find(kRunsProperty);
    if (found != collected.end()) {
      std::optional<std::vector<LogRun>> runs = DecodeRuns(found->second);
      if (runs.has_value()) return *std::move(runs);
    }
  }
  return RunsByReading(db, file);
}

bool IsNeeded(rocksdb::DB& db, const DataFile& file) {
  const std::vector<DataFile> files = DataFilesOf(db, file.family);
  return std::any_of(files.begin(), files.end(),
                     [&](const DataFile& other) { return other.number == file.number; });
}

absl::Status Rewrite(rocksdb::DB& db, const DataFile& file) {
  const rocksdb::Slice smallest(file.smallest);
  const rocksdb::Slice largest(file.largest);
  rocksdb::CompactRangeOptions compact;
  compact.exclusive_manual_compaction = false;
  compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  return FromRocks(db.CompactRange(compact, file.family, &smallest, &largest),
                   "rewriting a data file");
}

}  // namespace tidemark::storage
