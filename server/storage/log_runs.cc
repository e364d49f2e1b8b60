#include "server/storage/log_runs.h"

#include <utility>

#include "server/storage/coding.h"
#include "server/storage/write_set_rep.h"

namespace tidemark::storage {
namespace {

class Collector : public rocksdb::TablePropertiesCollector {
 public:
  rocksdb::Status AddUserKey(const rocksdb::Slice& key, const rocksdb::Slice& value,
                             rocksdb::EntryType type, rocksdb::SequenceNumber, uint64_t) override {
    if (type == rocksdb::kEntryPut && runs_.runs().size() <= kRunsMax) {
      runs_.Add(ParseDataKey(ToView(key)), key.size() + value.size());
    }
    return rocksdb::Status::OK();
  }
  rocksdb::Status Finish(rocksdb::UserCollectedProperties* properties) override {
    if (runs_.runs().size() <= kRunsMax) (*properties)[kRunsProperty] = EncodeRuns(runs_.runs());
    return rocksdb::Status::OK();
  }
  rocksdb::UserCollectedProperties GetReadableProperties() const override { return {}; }
  const char* Name() const override { return "tidemark.runs"; }

 private:
  RunBuilder runs_;
};

class CollectorFactory : public rocksdb::TablePropertiesCollectorFactory {
 public:
  rocksdb::TablePropertiesCollector* CreateTablePropertiesCollector(Context) override {
    return new Collector;
  }
  const char* Name() const override { return "tidemark.runs"; }
};

}  // namespace

void RunBuilder::Add(const DataKeyParts& key, uint64_t bytes) {
  if (runs_.empty() || runs_.back().log != key.log || epoch_ != key.epoch) {
    runs_.push_back({.log = key.log, .first_base = key.base_offset, .last_base = key.base_offset});
    epoch_ = key.epoch;
  }
  runs_.back().last_base = key.base_offset;
  runs_.back().bytes += bytes;
}

std::string EncodeRuns(const std::vector<LogRun>& runs) {
  std::string out;
  for (const LogRun& run : runs) {
    AppendVarint(out, run.log.value());
    AppendVarint(out, run.first_base.value());
    AppendVarint(out, run.last_base - run.first_base);
    AppendVarint(out, run.bytes);
  }
  return out;
}

std::optional<std::vector<LogRun>> DecodeRuns(absl::string_view bytes) {
  std::vector<LogRun> runs;
  while (!bytes.empty()) {
    uint64_t log = 0;
    uint64_t first = 0;
    uint64_t width = 0;
    uint64_t run_bytes = 0;
    if (!TakeVarint(bytes, log) || !TakeVarint(bytes, first) || !TakeVarint(bytes, width) ||
        !TakeVarint(bytes, run_bytes) || log > UINT32_MAX || width > UINT64_MAX - first) {
      return std::nullopt;
    }
    runs.push_back({.log = LogId(static_cast<uint32_t>(log)),
                    .first_base = Offset(first),
                    .last_base = Offset(first + width),
                    .bytes = run_bytes});
  }
  return runs;
}

std::shared_ptr<rocksdb::TablePropertiesCollectorFactory> MakeRunsCollector() {
  return std::make_shared<CollectorFactory>();
}

}  // namespace tidemark::storage
