// RocksDB's own figures, for /metrics.
#include <array>

#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

struct Property {
  const char* rocksdb_name;
  const char* name;
  const char* help;
};
constexpr std::array kProperties = {
    Property{"rocksdb.estimate-num-keys", "rocksdb_keys", "Estimated keys."},
    Property{"rocksdb.live-sst-files-size", "rocksdb_live_file_bytes", "Bytes of live files."},
    Property{"rocksdb.cur-size-all-mem-tables", "rocksdb_memtable_bytes", "Bytes of memtables."},
    Property{"rocksdb.estimate-table-readers-mem", "rocksdb_table_reader_bytes",
             "Memory of open files."},
    Property{"rocksdb.estimate-pending-compaction-bytes", "rocksdb_pending_compaction_bytes",
             "Bytes that compaction has to rewrite."},
    Property{"rocksdb.num-immutable-mem-table", "rocksdb_immutable_memtables",
             "Memtables waiting to be flushed."},
    Property{"rocksdb.compaction-pending", "rocksdb_compaction_pending",
             "1 while files wait for a compaction."},
    Property{"rocksdb.background-errors", "rocksdb_background_errors", "Background errors so far."},
};

constexpr Property kRunningCompactions = {"rocksdb.num-running-compactions",
                                          "rocksdb_running_compactions",
                                          "Compactions under way, of all column families."};

struct Ticker {
  rocksdb::Tickers ticker;
  const char* name;
  const char* help;
};
constexpr std::array kTickers = {
    Ticker{rocksdb::WAL_FILE_SYNCED, "rocksdb_wal_syncs_total", "Syncs of the write-ahead log."},
    Ticker{rocksdb::WAL_FILE_BYTES, "rocksdb_wal_bytes_total", "Bytes of the write-ahead log."},
    Ticker{rocksdb::FLUSH_WRITE_BYTES, "rocksdb_flush_bytes_total", "Bytes written by flushes."},
    Ticker{rocksdb::COMPACT_WRITE_BYTES, "rocksdb_compaction_written_bytes_total",
           "Bytes written by compaction."},
    Ticker{rocksdb::COMPACT_READ_BYTES, "rocksdb_compaction_read_bytes_total",
           "Bytes read by compaction."},
    Ticker{rocksdb::STALL_MICROS, "rocksdb_stall_microseconds_total",
           "Microseconds in which writes were held back."},
    Ticker{rocksdb::BLOCK_CACHE_HIT, "rocksdb_block_cache_hits_total", "Block cache hits."},
    Ticker{rocksdb::BLOCK_CACHE_MISS, "rocksdb_block_cache_misses_total", "Block cache misses."},
};

}  // namespace

std::vector<StoreFigure> Store::Figures() const {
  std::vector<StoreFigure> figures;
  for (const Property& property : kProperties) {
    for (rocksdb::ColumnFamilyHandle* handle : rep_->handles) {
      uint64_t value = 0;
      if (!rep_->db->GetIntProperty(handle, property.rocksdb_name, &value)) continue;
      figures.push_back({.name = property.name,
                         .help = property.help,
                         .column_family = handle->GetName(),
                         .is_counter = false,
                         .value = static_cast<double>(value)});
    }
  }
  uint64_t running = 0;
  rep_->db->GetIntProperty(kRunningCompactions.rocksdb_name, &running);
  figures.push_back({.name = kRunningCompactions.name,
                     .help = kRunningCompactions.help,
                     .column_family = "",
                     .is_counter = false,
                     .value = static_cast<double>(running)});
  for (const Ticker& ticker : kTickers) {
    figures.push_back(
        {.name = ticker.name,
         .help = ticker.help,
         .column_family = "",
         .is_counter = true,
         .value = static_cast<double>(rep_->statistics->getTickerCount(ticker.ticker))});
  }
  return figures;
}

absl::StatusOr<uint64_t> Store::FreeBytes() const {
  uint64_t free = 0;
  const rocksdb::Status status = rep_->db->GetEnv()->GetFreeSpace(rep_->options.path, &free);
  if (!status.ok()) return FromRocks(status, "asking for free space");
  return free;
}

}  // namespace tidemark::storage
