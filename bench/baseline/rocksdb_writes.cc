#include "bench/baseline/rocksdb_writes.h"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <limits>
#include <memory>

#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

absl::Status FromRocksDb(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

rocksdb::Options LogOptions() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = 64 << 20;
  options.max_write_buffer_number = 4;
  options.num_levels = 2;
  options.level_compaction_dynamic_level_bytes = false;
  options.max_background_jobs = 2;
  options.allow_concurrent_memtable_write = false;  // One writer: the lock-free path only costs.
  options.wal_bytes_per_sync = 512 << 10;
  options.bytes_per_sync = 512 << 10;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = 64 << 10;
  table.no_block_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

// Big-endian: keys sort as numbers.
std::string KeyOf(uint64_t number) {
  std::string key(16, '\0');
  for (int i = 0; i < 8; ++i) {
    key[15 - i] = static_cast<char>(number & 0xff);
    number >>= 8;
  }
  return key;
}

}  // namespace

absl::StatusOr<Recorder> RunRocksDbWrites(const RocksDbWrites& config, const EventPool& pool) {
  rocksdb::DB* opened = nullptr;
  absl::Status status = FromRocksDb(rocksdb::DB::Open(LogOptions(), config.directory, &opened));
  if (!status.ok()) return status;
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::WriteOptions synced;
  synced.sync = true;
  rocksdb::WriteBatch commit;

  const int64_t start_ns = NowNs();
  const int64_t until_ns = config.seconds > 0 ? start_ns + SecondsToNs(config.seconds)
                                              : std::numeric_limits<int64_t>::max();
  Recorder recorder(start_ns);
  uint64_t number = 0;
  int64_t now = start_ns;
  while (now < until_ns && (config.events == 0 || recorder.events() < config.events)) {
    commit.Clear();
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < config.commit_batches; ++i) {
      const grpc::Slice& events = pool.Entry(number);
      commit.Put(KeyOf(number++),
                 rocksdb::Slice(reinterpret_cast<const char*>(events.begin()), events.size()));
      bytes += events.size();
    }
    status = FromRocksDb(db->Write(synced, &commit));
    if (!status.ok()) return status;
    const int64_t end = NowNs();
    recorder.Complete(end, end - now, config.commit_batches * uint64_t{pool.batch_events()}, bytes);
    now = end;
  }
  status = FromRocksDb(db->Close());
  if (!status.ok()) return status;
  return recorder;
}

}  // namespace tidemark::bench
