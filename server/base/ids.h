// The numbers of the log as distinct types: an Offset cannot be passed where a Position is meant.
#pragma once

#include <compare>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tidemark {

// An integer with a meaning. `value()` is the one way out; conversions are explicit.
template <typename Tag, typename Rep>
class StrongNumber {
 public:
  using rep = Rep;
  constexpr StrongNumber() = default;
  constexpr explicit StrongNumber(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  constexpr auto operator<=>(const StrongNumber&) const = default;

  // The number `n` further on.
  constexpr StrongNumber operator+(Rep n) const { return StrongNumber(value_ + n); }
  StrongNumber& operator++() {
    ++value_;
    return *this;
  }
  // How far apart; requires other <= *this.
  constexpr Rep operator-(StrongNumber other) const { return value_ - other.value_; }

  template <typename H>
  friend H AbslHashValue(H h, StrongNumber n) {
    return H::combine(std::move(h), n.value_);
  }
  // For absl::StrCat, through AlphaNum's implicit conversions.
  operator absl::AlphaNum() const { return absl::AlphaNum(value_); }  // NOLINT

 private:
  Rep value_ = 0;
};

// Dense 0-based index of an event in its partition.
using Offset = StrongNumber<struct OffsetTag, uint64_t>;
// Store-wide commit sequence number of a batch; the first batch has 1.
using Position = StrongNumber<struct PositionTag, uint64_t>;
// 0-based number of a partition within its topic.
using PartitionIndex = StrongNumber<struct PartitionIndexTag, uint32_t>;
// Store-wide number of one partition's log; never used again after its topic is deleted.
using LogId = StrongNumber<struct LogIdTag, uint32_t>;
// Store-wide number of a topic; never used again.
using TopicId = StrongNumber<struct TopicIdTag, uint64_t>;

}  // namespace tidemark
