#include "server/storage/table_files.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace tidemark::storage {

void TableFiles::Attach(rocksdb::DB& db, std::vector<rocksdb::ColumnFamilyHandle*> families) {
  db_ = &db;
  families_ = std::move(families);
}

void TableFiles::OnFlushCompleted(rocksdb::DB*, const rocksdb::FlushJobInfo&) {
  stale_.store(true, std::memory_order_release);
}

void TableFiles::OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo&) {
  stale_.store(true, std::memory_order_release);
}

void TableFiles::OnTableFileDeleted(const rocksdb::TableFileDeletionInfo& info) {
  stale_.store(true, std::memory_order_release);
  std::shared_ptr<TableFile> closed;  // Outlives the lock.
  absl::MutexLock lock(&mu_);
  const auto it = open_.find(info.file_path);
  if (it == open_.end()) return;
  closed = std::move(it->second.file);
  open_.erase(it);
}

TableFiles::Entries TableFiles::ListOf(rocksdb::ColumnFamilyHandle* family) const {
  rocksdb::ColumnFamilyMetaData meta;
  db_->GetColumnFamilyMetaData(family, &meta);
  Entries entries;
  for (rocksdb::LevelMetaData& level : meta.levels) {
    for (const rocksdb::SstFileMetaData& file : level.files) {
      entries.push_back({.smallest = file.smallestkey,
                         .largest = file.largestkey,
                         .path = absl::StrCat(file.db_path, file.name)});
    }
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.smallest < b.smallest; });
  Entry* widest = nullptr;  // Of those before, the one that reaches farthest.
  for (Entry& entry : entries) {
    if (widest != nullptr && widest->largest >= entry.smallest) {
      widest->alone = false;
      entry.alone = false;
    }
    if (widest == nullptr || widest->largest < entry.largest) widest = &entry;
  }
  return entries;
}

std::shared_ptr<const TableFiles::Lists> TableFiles::Current() {
  if (!stale_.load(std::memory_order_acquire)) {
    absl::MutexLock lock(&mu_);
    return lists_;
  }
  // One at a time, so that an older list never replaces a newer one.
  absl::MutexLock refresh(&refresh_mu_);
  if (stale_.exchange(false, std::memory_order_acq_rel)) {
    auto lists = std::make_shared<Lists>();
    for (rocksdb::ColumnFamilyHandle* family : families_) lists->push_back(ListOf(family));
    Publish(std::move(lists));
  }
  absl::MutexLock lock(&mu_);
  return lists_;
}

void TableFiles::Publish(std::shared_ptr<const Lists> lists) {
  std::vector<std::shared_ptr<TableFile>> closed;  // Outlives the lock.
  absl::MutexLock lock(&mu_);
  lists_ = std::move(lists);
  // A file that was deleted while it was being opened.
  absl::flat_hash_set<absl::string_view> live;
  for (const Entries& entries : *lists_) {
    for (const Entry& entry : entries) live.insert(entry.path);
  }
  absl::erase_if(open_, [&](auto& open) {
    if (live.contains(open.first)) return false;
    closed.push_back(std::move(open.second.file));
    return true;
  });
}

std::optional<Epoch> TableFiles::NewestEpoch() {
  std::optional<Epoch> newest;
  const std::shared_ptr<const Lists> lists = Current();
  for (const Entries& entries : *lists) {
    for (const Entry& entry : entries) {
      const Epoch epoch = ParseDataKey(entry.largest).epoch;
      if (!newest.has_value() || epoch > *newest) newest = epoch;
    }
  }
  return newest;
}

std::shared_ptr<TableFile> TableFiles::Find(size_t family, absl::string_view key) {
  const std::string path = PathOf(family, key);
  return path.empty() ? nullptr : Open(path);
}

std::string TableFiles::PathOf(size_t family, absl::string_view key) {
  const std::shared_ptr<const Lists> lists = Current();
  const Entries& entries = (*lists)[family];
  auto it = std::upper_bound(
      entries.begin(), entries.end(), key,
      [](absl::string_view wanted, const Entry& entry) { return wanted < entry.smallest; });
  if (it == entries.begin()) return "";
  --it;
  return it->alone && it->largest >= key ? it->path : "";
}

std::shared_ptr<TableFile> TableFiles::Open(const std::string& path) {
  {
    absl::MutexLock lock(&mu_);
    const auto it = open_.find(path);
    if (it != open_.end()) {
      it->second.last_use = ++uses_;
      return it->second.file;
    }
  }
  auto file = std::make_shared<TableFile>(options_);
  // Gone, damaged or no descriptor left: the database meets the same and says what it is.
  if (!file->Open(path).ok()) return nullptr;
  std::shared_ptr<TableFile> closed;  // Outlives the lock.
  absl::MutexLock lock(&mu_);
  open_[path] = {.file = file, .last_use = ++uses_};
  if (open_.size() > open_max_) {
    const auto oldest = std::min_element(
        open_.begin(), open_.end(),
        [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; });
    closed = std::move(oldest->second.file);
    open_.erase(oldest);
  }
  return file;
}

}  // namespace tidemark::storage
