#include "server/storage/batch_page.h"

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {
namespace {

// An iterator that ends with a run, and what it needs to stay alive.
struct RunIterator {
  std::shared_ptr<TableFile> file;  // Null: over the database.
  std::string upper;
  rocksdb::Slice upper_slice;
  std::unique_ptr<rocksdb::Iterator> it;  // Goes first.

  rocksdb::ReadOptions Options(LogId log, Epoch epoch) {
    upper = DataKey(epoch, log + 1, Offset(0));
    upper_slice = upper;
    rocksdb::ReadOptions read;
    read.iterate_upper_bound = &upper_slice;
    read.fill_cache = false;
    // Not for what is served, which our own checksums cover: RocksDB takes the bytes of a block
    // at their word, and as Debian builds it ends the process when they make no sense.
    read.verify_checksums = true;
    read.pin_data = file != nullptr;
    return read;
  }
};

// A sector that cannot be read is lost data; another refusal of the file system may pass.
absl::Status ReadFailed(const rocksdb::Status& status, LogId log, Offset base) {
  const std::string doing =
      absl::StrCat("reading the batch at offset ", base.value(), " of log ", log.value());
  if (status.IsIOError() && absl::StrContains(status.ToString(), std::strerror(EIO))) {
    return absl::DataLossError(absl::StrCat(doing, ": ", status.ToString()));
  }
  return FromRocks(status, doing);
}

}  // namespace

absl::Status BatchPage::AddFrom(std::shared_ptr<TableFile> file, Epoch epoch, Offset base) {
  auto run = std::make_shared<RunIterator>();
  run->file = std::move(file);
  run->it.reset(run->file->NewIterator(run->Options(log_, epoch)));
  return AddRun(*run->it, run, epoch, base);
}

absl::Status BatchPage::AddFrom(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family, Epoch epoch,
                                Offset base) {
  RunIterator run;
  run.it.reset(db.NewIterator(run.Options(log_, epoch), family));
  return AddRun(*run.it, nullptr, epoch, base);
}

absl::Status BatchPage::AddRun(rocksdb::Iterator& it, const std::shared_ptr<const void>& owner,
                               Epoch epoch, Offset base) {
  for (it.Seek(DataKey(epoch, log_, base)); it.Valid(); it.Next()) {
    if (it.key() != DataKey(epoch, log_, base)) return absl::OkStatus();
    if (superseded_ != nullptr && superseded_->Contains(ToView(it.key()))) return absl::OkStatus();
    absl::Status added = Add(ToView(it.value()), owner, base);
    if (!added.ok()) return added;
    if (full_) return absl::OkStatus();
    base = next();
  }
  return it.status().ok() ? absl::OkStatus() : ReadFailed(it.status(), log_, base);
}

absl::Status BatchPage::Add(absl::string_view value, const std::shared_ptr<const void>& owner,
                            Offset base) {
  auto batch = std::make_shared<StoredBatch>();
  batch->owner = owner;
  if (owner == nullptr) {
    auto copy = std::make_shared<const std::string>(value);
    value = *copy;
    batch->owner = std::move(copy);
  }
  absl::Status status = DecodeBatch(log_, base, value, batch->header, batch->events);
  if (!status.ok()) return status;
  const uint64_t last_bytes = batch->events.size();
  bytes_ += last_bytes;
  batches_.push_back(std::move(batch));
  full_ = next() >= until_ || bytes_ + last_bytes > max_bytes_;
  return absl::OkStatus();
}

}  // namespace tidemark::storage
