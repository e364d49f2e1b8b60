// A restore that has not finished; private to server/storage.
//
// How. Files are restored into a directory `restoring` below the data directory, where the store is
//      opened once and gets its new id. Then they move up, and `restoring` goes last. While it is
//      there the data directory is no store: it does not open, and a restore may begin anew.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace rocksdb {
class Env;
}  // namespace rocksdb

namespace tidemark::storage {

std::string UnfinishedRestorePath(absl::string_view data_directory);

// FAILED_PRECONDITION  `data_directory` holds a restore that did not finish.
absl::Status CheckNoUnfinishedRestore(rocksdb::Env& env, absl::string_view data_directory);

}  // namespace tidemark::storage
