// LogRuns: which logs have batches in a data file, and up to where; written into the file's own
// properties, so that whether all of it is garbage is known without reading it and without any
// account that a crash could falsify.
//
// Terms.  Run: the batches of one log in one epoch; they lie together.
// Bounds. A file with more than kRunsMax runs has no such property: who wants to know reads its
//         keys. (A run is about 12 bytes, and the properties of open files are kept in memory.)
#pragma once

#include <rocksdb/table_properties.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/ids.h"
#include "server/storage/key_schema.h"

namespace tidemark::storage {

inline constexpr size_t kRunsMax = 8192;
inline constexpr char kRunsProperty[] = "tidemark.runs";

struct LogRun {
  LogId log;
  Offset first_base;
  Offset last_base;
  uint64_t bytes = 0;  // Keys and values.
  friend bool operator==(const LogRun&, const LogRun&) = default;
};

// Makes runs of batches that come in the order of their keys.
class RunBuilder {
 public:
  void Add(const DataKeyParts& key, uint64_t bytes);
  const std::vector<LogRun>& runs() const { return runs_; }

 private:
  std::optional<Epoch> epoch_;  // Of the last run.
  std::vector<LogRun> runs_;
};

std::string EncodeRuns(const std::vector<LogRun>& runs);
// Empty: `bytes` are no runs.
std::optional<std::vector<LogRun>> DecodeRuns(absl::string_view bytes);

// For the column families of batches.
std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> MakeRunsCollector();

}  // namespace tidemark::storage
