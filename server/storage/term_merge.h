// How RocksDB adds up the totals of a key; private to server/storage.
#pragma once

#include <rocksdb/merge_operator.h>

#include <memory>

namespace tidemark::storage {

std::shared_ptr<rocksdb::MergeOperator> MakeKeyTotalMerge();

}  // namespace tidemark::storage
