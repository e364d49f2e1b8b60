#include "server/storage/garbage_filter.h"

#include <optional>
#include <utility>

#include "server/storage/coding.h"
#include "server/storage/key_schema.h"
#include "server/storage/write_set_rep.h"

namespace tidemark::storage {
namespace {

// Of one compaction, used by one thread. Keys of a log come together, so the log's start is asked
// for once; an older start only keeps more.
class GarbageFilter : public rocksdb::CompactionFilter {
 public:
  GarbageFilter(std::shared_ptr<const LogStarts> starts, PlaceOfKey place_of,
                std::shared_ptr<const Superseded> superseded)
      : starts_(std::move(starts)), place_of_(place_of), superseded_(std::move(superseded)) {}

  bool Filter(int, const rocksdb::Slice& key, const rocksdb::Slice&, std::string*,
              bool*) const override {
    KeyPlace place;
    if (!place_of_(ToView(key), place)) return false;
    if (log_ != place.log) {
      log_ = place.log;
      start_ = starts_->StartOf(place.log);
    }
    if (place.last < start_) return true;
    return superseded_ != nullptr && superseded_->Contains(ToView(key));
  }
  const char* Name() const override { return "tidemark.garbage"; }

 private:
  const std::shared_ptr<const LogStarts> starts_;
  const PlaceOfKey place_of_;
  const std::shared_ptr<const Superseded> superseded_;
  mutable std::optional<LogId> log_;
  mutable Offset start_;
};

class FilterFactory : public rocksdb::CompactionFilterFactory {
 public:
  FilterFactory(std::shared_ptr<const LogStarts> starts, PlaceOfKey place_of,
                std::shared_ptr<const Superseded> superseded)
      : starts_(std::move(starts)), place_of_(place_of), superseded_(std::move(superseded)) {}
  std::unique_ptr<rocksdb::CompactionFilter> CreateCompactionFilter(
      const rocksdb::CompactionFilter::Context&) override {
    return std::make_unique<GarbageFilter>(starts_, place_of_, superseded_);
  }
  const char* Name() const override { return "tidemark.garbage"; }

 private:
  const std::shared_ptr<const LogStarts> starts_;
  const PlaceOfKey place_of_;
  const std::shared_ptr<const Superseded> superseded_;
};

}  // namespace

bool PlaceOfDataKey(absl::string_view key, KeyPlace& place) {
  if (key.size() != kDataKeyBytes) return false;
  const DataKeyParts parts = ParseDataKey(key);
  place = {.log = parts.log, .last = parts.base_offset};
  return true;
}

bool PlaceOfTermKey(absl::string_view key, KeyPlace& place) {
  if (key.size() < sizeof(uint32_t) + 1) return false;
  const LogId log(LoadBig32(key.data()));
  for (const TermKind kind :
       {TermKind::kErased, TermKind::kKey, TermKind::kType, TermKind::kUnread}) {
    TermKeyParts parts;
    if (!ParseTermKey(key, log, kind, parts) || parts.until == Offset(0)) continue;
    place = {.log = log, .last = Offset(parts.until.value() - 1)};
    return true;
  }
  return false;
}

std::shared_ptr<rocksdb::CompactionFilterFactory> MakeGarbageFilter(
    std::shared_ptr<const LogStarts> starts, PlaceOfKey place_of,
    std::shared_ptr<const Superseded> superseded) {
  return std::make_shared<FilterFactory>(std::move(starts), place_of, std::move(superseded));
}

}  // namespace tidemark::storage
