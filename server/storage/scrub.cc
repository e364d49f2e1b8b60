// Making bytes leave every file: Store::Scrub.
//
// Order. First everything is flushed, so that no write-ahead log from before is needed. Then the
//        data files with superseded batches are compacted, which leaves those out, and the families
//        whose rows were removed. Then a new manifest is begun, since the old one names the first
//        and last key of every file there ever was. At last it is looked whether the old files are
//        gone, and those that were no longer needed before, but are still there.
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/sst_file_writer.h>

#include <algorithm>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/storage/data_files.h"
#include "server/storage/open_options.h"

namespace tidemark::storage {
namespace {

std::string TablePath(const std::string& directory, uint64_t number) {
  return absl::StrFormat("%s/%06d.sst", directory, number);
}

absl::StatusOr<std::vector<std::string>> FilesIn(rocksdb::Env& env, const std::string& directory) {
  std::vector<std::string> names;
  absl::Status status = FromRocks(env.GetChildren(directory, &names), "listing the store's files");
  if (!status.ok()) return status;
  return names;
}

// What RocksDB needs now, by name.
absl::btree_set<std::string> LiveTables(rocksdb::DB& db) {
  std::vector<rocksdb::LiveFileMetaData> files;
  db.GetLiveFilesMetaData(&files);
  absl::btree_set<std::string> names;
  for (const rocksdb::LiveFileMetaData& file : files) names.insert(file.relative_filename);
  return names;
}

bool IsWal(absl::string_view name) {
  return absl::EndsWith(name, ".log") && absl::ascii_isdigit(static_cast<unsigned char>(name[0]));
}

absl::Status FlushAll(rocksdb::DB& db, const std::vector<rocksdb::ColumnFamilyHandle*>& families) {
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  return FromRocks(db.Flush(flush, families), "flushing before a scrub");
}

}  // namespace

// One pass. Files that have to go are collected in Rep::scrub_leaving.
class Store::FileScrub {
 public:
  FileScrub(Rep& rep, const ScrubSpec& spec, ScrubReport& report)
      : rep_(rep), spec_(spec), report_(report), env_(*rep.db->GetEnv()) {}

  absl::Status Run(absl::FunctionRef<absl::Status()> touch, absl::FunctionRef<bool()> stopped) {
    std::vector<std::string> superseded = rep_.superseded->All();
    absl::Status status = Flush(touch);
    if (status.ok()) status = RewriteData(superseded, stopped);
    for (rocksdb::ColumnFamilyHandle* family : {rep_.families.terms, rep_.families.groups}) {
      if (status.ok() && !stopped()) status = Compact(family);
    }
    if (status.ok()) status = RollManifest();
    if (status.ok()) status = FindObsolete();
    if (!status.ok()) return status;
    if (stopped()) return absl::CancelledError("stopped");
    rep_.scrub_leaving = std::move(leaving_);
    rep_.scrub_obsolete = std::move(obsolete_);
    rep_.scrub_superseded = std::move(superseded);
    return absl::OkStatus();
  }

 private:
  // Twice: a family whose flush was under way when the log was changed still asks for the old one,
  // until the log is changed again.
  absl::Status Flush(absl::FunctionRef<absl::Status()> touch) {
    if (absl::Status status = FlushAll(*rep_.db, rep_.handles); !status.ok()) return status;
    const absl::StatusOr<std::vector<std::string>> names = FilesIn(env_, rep_.options.path);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      if (IsWal(name)) leaving_.push_back(absl::StrCat(rep_.options.path, "/", name));
    }
    // With something to flush the log is changed.
    if (absl::Status status = touch(); !status.ok()) return status;
    return FlushAll(*rep_.db, rep_.handles);
  }

  // True: it may hold bytes that have to go.
  absl::StatusOr<bool> Concerns(const DataFile& file,
                                const absl::btree_set<Epoch>& superseded) const {
    const auto epoch = superseded.lower_bound(file.epochs.first);
    if (epoch != superseded.end() && *epoch <= file.epochs.last) return true;
    absl::StatusOr<std::vector<LogRun>> runs = RunsOf(*rep_.db, file);
    if (!runs.ok()) return runs.status();
    return std::any_of(runs->begin(), runs->end(), [this](const LogRun& run) {
      return IsOfSpec(run.log) && run.first_base < rep_.starts->StartOf(run.log);
    });
  }

  bool IsOfSpec(LogId log) const {
    return std::any_of(spec_.logs.begin(), spec_.logs.end(), [log](const auto& logs) {
      return log >= logs.first && log < logs.first + logs.second;
    });
  }

  absl::Status RewriteData(const std::vector<std::string>& superseded,
                           absl::FunctionRef<bool()> stopped) {
    absl::btree_set<Epoch> epochs;
    for (const std::string& key : superseded) epochs.insert(ParseDataKey(key).epoch);
    for (const DataFile& file : DataFilesOf(*rep_.db, rep_.families)) {
      if (stopped()) return absl::OkStatus();
      const absl::StatusOr<bool> concerned = Concerns(file, epochs);
      if (!concerned.ok()) return concerned.status();
      if (!*concerned) continue;
      leaving_.push_back(TablePath(rep_.options.path, file.number));
      if (absl::Status status = Rewrite(*rep_.db, file); !status.ok()) return status;
      ++report_.files_rewritten;
    }
    return absl::OkStatus();
  }

  absl::Status Compact(rocksdb::ColumnFamilyHandle* family) {
    rocksdb::ColumnFamilyMetaData meta;
    rep_.db->GetColumnFamilyMetaData(family, &meta);
    for (const rocksdb::LevelMetaData& level : meta.levels) {
      for (const rocksdb::SstFileMetaData& file : level.files) {
        leaving_.push_back(TablePath(rep_.options.path, file.file_number));
        ++report_.files_rewritten;
      }
    }
    rocksdb::CompactRangeOptions compact;
    compact.exclusive_manual_compaction = false;
    compact.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
    return FromRocks(rep_.db->CompactRange(compact, family, nullptr, nullptr),
                     "compacting for a scrub");
  }

  // Tables that nobody needs, but are there: a reader held them when their bytes became garbage, or
  // a compaction that began before has not put them in place yet.
  absl::Status FindObsolete() {
    const absl::StatusOr<std::vector<std::string>> names = FilesIn(env_, rep_.options.path);
    if (!names.ok()) return names.status();
    const absl::btree_set<std::string> live = LiveTables(*rep_.db);
    for (const std::string& name : *names) {
      if (absl::EndsWith(name, ".sst") && !live.contains(name)) obsolete_.push_back(name);
    }
    return absl::OkStatus();
  }

  // RocksDB begins a new manifest when the old one is longer than kManifestBytesMax, and has no
  // call for it. So it is made so: by a file whose only key is so long, which comes and goes.
  absl::Status RollManifest() {
    const absl::StatusOr<std::vector<std::string>> names = FilesIn(env_, rep_.options.path);
    if (!names.ok()) return names.status();
    for (const std::string& name : *names) {
      if (absl::StartsWith(name, "MANIFEST-")) {
        leaving_.push_back(absl::StrCat(rep_.options.path, "/", name));
      }
    }
    // Twice in the manifest: as the first and as the last key. Behind all others.
    const std::string key(kManifestBytesMax / 2 + 1, '\xff');
    const std::string path = TermFilePath(rep_.options.path) + ".filler";
    if (env_.FileExists(path).ok()) env_.DeleteFile(path);
    rocksdb::SstFileWriter file(rocksdb::EnvOptions(), rep_.db->GetOptions(rep_.families.meta),
                                rep_.families.meta);
    rocksdb::Status status = file.Open(path);
    if (status.ok()) status = file.Put(key, rocksdb::Slice());
    if (status.ok()) status = file.Finish();
    rocksdb::IngestExternalFileOptions ingest;
    ingest.move_files = true;
    ingest.write_global_seqno = false;
    if (status.ok()) status = rep_.db->IngestExternalFile(rep_.families.meta, {path}, ingest);
    const rocksdb::Slice bound(key);
    if (status.ok()) {
      status = rocksdb::DeleteFilesInRange(rep_.db.get(), rep_.families.meta, &bound, &bound);
    }
    return FromRocks(status, "beginning a new manifest");
  }

  Rep& rep_;
  const ScrubSpec& spec_;
  ScrubReport& report_;
  rocksdb::Env& env_;
  std::vector<std::string> leaving_;
  std::vector<std::string> obsolete_;
};

absl::StatusOr<ScrubReport> Store::Scrub(const ScrubSpec& spec,
                                         absl::FunctionRef<absl::Status()> touch,
                                         absl::FunctionRef<bool()> stopped) {
  ScrubReport report;
  if (rep_->scrub_leaving.empty() && rep_->scrub_obsolete.empty()) {
    absl::Status status = FileScrub(*rep_, spec, report).Run(touch, stopped);
    if (!status.ok()) return status;
  }
  // RocksDB deletes what it knows to be obsolete, in the background, and what somebody reads later.
  // Being allowed to delete again, it looks at the whole directory: an empty log of before the last
  // start is known to nobody.
  rocksdb::Status purged = rep_->db->DisableFileDeletions();
  if (purged.ok()) purged = rep_->db->EnableFileDeletions(/*force=*/false);
  if (absl::Status status = FromRocks(purged, "deleting obsolete files"); !status.ok()) {
    return status;
  }
  std::erase_if(rep_->scrub_leaving, [this](const std::string& path) {
    return rep_->db->GetEnv()->FileExists(path).IsNotFound();
  });
  const absl::btree_set<std::string> live = LiveTables(*rep_->db);
  std::erase_if(rep_->scrub_obsolete, [&](const std::string& name) {
    const std::string path = absl::StrCat(rep_->options.path, "/", name);
    return live.contains(name) || rep_->db->GetEnv()->FileExists(path).IsNotFound();
  });
  const bool is_needed = std::any_of(
      rep_->scrub_leaving.begin(), rep_->scrub_leaving.end(), [&](const std::string& path) {
        return live.contains(path.substr(rep_->options.path.size() + 1));
      });
  if (is_needed) {  // A compaction that moved it got in the way: from the beginning.
    rep_->scrub_leaving.clear();
    rep_->scrub_obsolete.clear();
    report.more = true;
    return report;
  }
  report.more = !rep_->scrub_leaving.empty() || !rep_->scrub_obsolete.empty();
  if (report.more) {
    // A family whose flush was under way both times still asks for an old log.
    absl::Status status;
    if (std::any_of(rep_->scrub_leaving.begin(), rep_->scrub_leaving.end(),
                    [](const auto& path) { return IsWal(path.substr(path.rfind('/') + 1)); })) {
      status = touch();
      if (status.ok()) status = FlushAll(*rep_->db, rep_->handles);
    }
    if (status.ok()) status = DeleteObsoleteFiles(*rep_->db);
    if (!status.ok()) return status;
    return report;
  }
  // Deletions, too, are durable only then.
  absl::Status synced = SyncDirectory(*rep_->db->GetEnv(), rep_->options.path);
  if (!synced.ok()) return synced;
  report.gone = std::exchange(rep_->scrub_superseded, {});
  return report;
}

}  // namespace tidemark::storage
