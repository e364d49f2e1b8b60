// GarbageFilter: leaves garbage out when a file is compacted.
//
// Files are compacted on their own, and only when enough of one is garbage (see Store::Reclaim);
// moving a file to another level asks no filter.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <memory>

#include "absl/strings/string_view.h"
#include "server/storage/log_starts.h"
#include "server/storage/superseded.h"

namespace tidemark::storage {

// What a key stands for: something of `log` that is garbage once the start is above `last`.
struct KeyPlace {
  LogId log;
  Offset last;
};
// False: the key is of another kind, and stays.
using PlaceOfKey = bool (*)(absl::string_view key, KeyPlace& place);

// A batch ends where the next one begins and starts are ends of batches, so its base offset tells.
bool PlaceOfDataKey(absl::string_view key, KeyPlace& place);
// Rows of terms speak of a segment, which ends at the end of a batch. Totals of keys stay: they
// count what can no longer be read, too.
bool PlaceOfTermKey(absl::string_view key, KeyPlace& place);

// `superseded`, if there are any: keys that are garbage by themselves.
std::shared_ptr<rocksdb::CompactionFilterFactory> MakeGarbageFilter(
    std::shared_ptr<const LogStarts> starts, PlaceOfKey place_of,
    std::shared_ptr<const Superseded> superseded = nullptr);

}  // namespace tidemark::storage
