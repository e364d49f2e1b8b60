#include "server/storage/open_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/statistics.h>
#include <rocksdb/table.h>

#include <utility>

#include "server/config/memory_plan.h"
#include "server/storage/garbage_filter.h"
#include "server/storage/log_runs.h"
#include "server/storage/term_merge.h"

namespace tidemark::storage {
namespace {

constexpr uint64_t kDataBlockBytes = 64ull << 10;
constexpr uint64_t kSmallBlockBytes = 8ull << 10;

std::shared_ptr<rocksdb::TableFactory> DataTableFactory() {
  rocksdb::BlockBasedTableOptions table;
  table.block_size = kDataBlockBytes;
  table.no_block_cache = true;
  // Its read-ahead goes through a buffer and is copied from there. The kernel's is as good.
  table.max_auto_readahead_size = 0;
  table.format_version = 5;
  table.verify_compression = true;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

// Batches: one epoch a file, only ever moved, read in runs through the page cache.
rocksdb::ColumnFamilyOptions DataOptions(const StoreOptions& options,
                                         std::shared_ptr<const LogStarts> starts,
                                         std::shared_ptr<const Superseded> superseded,
                                         rocksdb::CompressionType compression) {
  rocksdb::ColumnFamilyOptions cf;
  cf.compaction_style = rocksdb::kCompactionStyleLevel;
  cf.num_levels = 2;
  cf.level_compaction_dynamic_level_bytes = false;
  cf.level0_file_num_compaction_trigger = 2;
  cf.level0_slowdown_writes_trigger = 64;
  cf.level0_stop_writes_trigger = 96;
  // We flush at an epoch's end ourselves; twice that, and RocksDB never does it first.
  cf.write_buffer_size = 2 * options.epoch_bytes;
  cf.max_write_buffer_number = config::kWriteBuffersMax;
  cf.target_file_size_base = 4 * options.epoch_bytes;  // One epoch is one file.
  cf.compression = compression;
  cf.bottommost_compression = rocksdb::kDisableCompressionOption;
  cf.force_consistency_checks = true;
  cf.compaction_filter_factory =
      MakeGarbageFilter(std::move(starts), PlaceOfDataKey, std::move(superseded));
  cf.table_properties_collector_factories = {MakeRunsCollector()};
  cf.table_factory = DataTableFactory();
  return cf;
}

rocksdb::ColumnFamilyOptions SmallOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                          uint64_t buffer_bytes) {
  rocksdb::ColumnFamilyOptions cf;
  cf.write_buffer_size = buffer_bytes;
  cf.max_write_buffer_number = config::kSmallWriteBuffersMax;
  cf.compression = rocksdb::kLZ4Compression;
  cf.force_consistency_checks = true;
  rocksdb::BlockBasedTableOptions table;
  table.block_size = kSmallBlockBytes;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  cf.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return cf;
}

// Terms: files that are made in the background and ingested. They overlap, so they are compacted,
// but rarely: a reader looks into every sorted run, which costs it microseconds a run. Runs of like
// size are merged, so that a row is written again a few times in its life; levels would write most
// of the next level again for each handful of new files.
rocksdb::ColumnFamilyOptions TermsOptions(const std::shared_ptr<rocksdb::Cache>& cache,
                                          std::shared_ptr<const LogStarts> starts) {
  rocksdb::ColumnFamilyOptions cf = SmallOptions(cache, config::kSmallFamilyBytes);
  cf.merge_operator = MakeKeyTotalMerge();
  cf.compaction_filter_factory = MakeGarbageFilter(std::move(starts), &PlaceOfTermKey);
  cf.compaction_style = rocksdb::kCompactionStyleUniversal;
  cf.level0_file_num_compaction_trigger = 16;
  cf.compaction_options_universal.min_merge_width = 8;
  // Files come from our sealer, not from writers, so writers are not to be held back for them: the
  // sealer is held back by the open part's bound.
  cf.level0_slowdown_writes_trigger = 1 << 20;
  cf.level0_stop_writes_trigger = 1 << 20;
  cf.soft_pending_compaction_bytes_limit = 0;
  cf.hard_pending_compaction_bytes_limit = 0;
  return cf;
}

}  // namespace

rocksdb::Options MakeTableFileOptions(const StoreOptions& options) {
  rocksdb::Options file;
  if (options.env != nullptr) file.env = options.env;
  file.table_factory = DataTableFactory();
  return file;
}

rocksdb::DBOptions MakeDbOptions(const StoreOptions& options) {
  rocksdb::DBOptions db;
  if (options.env != nullptr) db.env = options.env;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // Refuses damage in the middle of the log instead of dropping what is behind it; a torn tail,
  // which every kill leaves, is cut.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  // One writer: nothing to run concurrently, and the modes for many writers weaken ordering.
  db.allow_concurrent_memtable_write = false;
  db.enable_pipelined_write = false;
  db.unordered_write = false;
  db.two_write_queues = false;
  db.manual_wal_flush = false;
  db.wal_compression = rocksdb::kNoCompression;  // Its recovery is mended only in 8.0.
  db.max_bgerror_resume_count = 0;               // Auto-resume loses writes in 7.8: fail and stop.
  db.flush_verify_memtable_count = true;
  db.verify_sst_unique_id_in_manifest = true;
  db.max_background_jobs = 2;
  db.max_open_files = config::kOpenFilesMax;  // Bounds the memory of table readers.
  db.max_manifest_file_size = kManifestBytesMax;
  db.max_total_wal_size = 256ull << 20;
  db.wal_bytes_per_sync = 512ull << 10;
  db.bytes_per_sync = 512ull << 10;
  db.skip_stats_update_on_db_open = true;  // Opening reads no files.
  db.skip_checking_sst_file_sizes_on_db_open = true;
  db.stats_dump_period_sec = 0;
  db.advise_random_on_open = false;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.keep_log_file_num = 5;
  db.statistics = rocksdb::CreateDBStatistics();
  db.statistics->set_stats_level(rocksdb::StatsLevel::kExceptDetailedTimers);
  return db;
}

std::vector<rocksdb::ColumnFamilyDescriptor> MakeColumnFamilies(
    const StoreOptions& options, std::shared_ptr<const LogStarts> starts,
    std::shared_ptr<const Superseded> superseded) {
  const auto cache = rocksdb::NewLRUCache(options.block_cache_bytes);
  rocksdb::ColumnFamilyOptions producers = SmallOptions(cache, config::kProducersFamilyBytes);
  rocksdb::ColumnFamilyOptions index = SmallOptions(cache, config::kIndexFamilyBytes);
  return {{rocksdb::kDefaultColumnFamilyName, SmallOptions(cache, config::kSmallFamilyBytes)},
          {"data", DataOptions(options, starts, superseded, rocksdb::kNoCompression)},
          {"index", index},
          {"groups", SmallOptions(cache, config::kSmallFamilyBytes)},
          {"producers", producers},
          {"data_lz4", DataOptions(options, starts, superseded, rocksdb::kLZ4Compression)},
          {"data_zstd", DataOptions(options, starts, superseded, rocksdb::kZSTD)},
          {"terms", TermsOptions(cache, starts)}};
}

}  // namespace tidemark::storage
