#include "server/storage/term_merge.h"

#include "server/storage/terms.h"
#include "server/storage/write_set_rep.h"

namespace tidemark::storage {
namespace {

// Another name would make older stores unreadable.
constexpr char kName[] = "tidemark.KeyTotal.1";

class KeyTotalMerge final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice& key, const rocksdb::Slice* existing, const rocksdb::Slice& value,
             std::string* merged, rocksdb::Logger* logger) const override {
    KeyTotal sum;
    if (!DecodeKeyTotal(ToView(value), sum)) return false;  // RocksDB reports it as corruption.
    if (existing != nullptr) {
      KeyTotal before;
      if (!DecodeKeyTotal(ToView(*existing), before)) return false;
      sum = Sum(before, sum);
    }
    *merged = EncodeKeyTotal(sum);
    return true;
  }
  const char* Name() const override { return kName; }
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> MakeKeyTotalMerge() {
  return std::make_shared<KeyTotalMerge>();
}

}  // namespace tidemark::storage
