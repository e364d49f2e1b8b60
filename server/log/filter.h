// Filter: which events a reader wants, ready to be asked for each event.
//
// Threads. Immutable.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/log/event_scan.h"
#include "server/storage/records.h"

namespace tidemark::log {

class Filter {
 public:
  // Every event.
  Filter() = default;
  // Requires a valid spec (CheckFilter).
  explicit Filter(const storage::FilterSpec& spec);

  bool matches_all() const { return types_.empty() && prefixes_.empty() && keys_.empty(); }
  bool Matches(const EventView& event) const;

  // What it was made of: types that match as they are, prefixes of types, keys.
  const absl::flat_hash_set<std::string>& types() const { return types_; }
  const std::vector<std::string>& prefixes() const { return prefixes_; }
  const absl::flat_hash_set<std::string>& keys() const { return keys_; }

 private:
  absl::flat_hash_set<std::string> types_;
  std::vector<std::string> prefixes_;
  absl::flat_hash_set<std::string> keys_;
};

// INVALID_ARGUMENT  too many entries, or an entry no event could match; names field and limit.
absl::Status CheckFilter(const storage::FilterSpec& spec, uint64_t entries_max,
                         const EventLimits& limits, absl::string_view field);

}  // namespace tidemark::log
