// Walking the rows of a column family whose keys begin alike; private to server/storage.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/coding.h"
#include "server/storage/key_schema.h"
#include "server/storage/store_rep.h"

namespace tidemark::storage {

// Calls visit(key, value) for each row of `family` whose key begins with `prefix`, by rising key
// and without the prefix; ends with the first error it returns. Waits for the disk.
template <typename Visit>
absl::Status ForPrefix(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                       absl::string_view prefix, Visit visit) {
  const std::string end = PrefixEnd(prefix);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions read;
  read.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(db.NewIterator(read, family));
  for (it->Seek(ToSlice(prefix)); it->Valid(); it->Next()) {
    absl::Status status = visit(ToView(it->key()).substr(prefix.size()), ToView(it->value()));
    if (!status.ok()) return status;
  }
  return FromRocks(it->status(), "scanning");
}

// The values of these rows.
template <typename Record, typename Decode>
absl::StatusOr<std::vector<Record>> ReadAll(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                                            char prefix, Decode decode) {
  std::vector<Record> records;
  absl::Status status = ForPrefix(db, family, absl::string_view(&prefix, 1),
                                  [&](absl::string_view, absl::string_view value) -> absl::Status {
                                    absl::StatusOr<Record> record = decode(value);
                                    if (!record.ok()) return record.status();
                                    records.push_back(*std::move(record));
                                    return absl::OkStatus();
                                  });
  if (!status.ok()) return status;
  return records;
}

}  // namespace tidemark::storage
