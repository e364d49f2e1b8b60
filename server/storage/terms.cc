#include "server/storage/terms.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/storage/coding.h"

namespace tidemark::storage {

void PostingWriter::Add(Offset first, Offset last) {
  TM_CHECK_LE(first.value(), last.value());
  TM_CHECK_LT(last.value(), until_.value());
  if (previous_.has_value()) {
    TM_CHECK_LT(previous_->value(), first.value());
    AppendVarint(out_, first - *previous_);
  } else {
    AppendVarint(out_, until_ - first);
  }
  AppendVarint(out_, last - first);
  previous_ = last;
}

void PostingWriter::Add(Offset first, Offset last, uint64_t count) {
  Add(first, last);
  AppendVarint(out_, count);
}

bool PostingReader::Next(Posting& posting) {
  if (!ok_) return false;
  if (rest_.empty()) {
    // A row has at least one posting, and its counts add up.
    return previous_.has_value() && left_ == 0 ? false : Fail();
  }
  uint64_t distance = 0;
  uint64_t span = 0;
  if (!TakeVarint(rest_, distance) || distance == 0 || !TakeVarint(rest_, span)) return Fail();
  if (previous_.has_value()) {
    if (distance >= until_ - *previous_) return Fail();
    posting.first = *previous_ + distance;
  } else {
    if (distance > until_.value()) return Fail();
    posting.first = Offset(until_.value() - distance);
  }
  if (span >= until_ - posting.first) return Fail();
  posting.last = posting.first + span;
  posting.count = 0;
  if (counted_) {
    if (!TakeVarint(rest_, posting.count) || posting.count == 0 || posting.count > left_ ||
        posting.count > span + 1) {
      return Fail();
    }
    left_ -= posting.count;
  }
  previous_ = posting.last;
  return true;
}

void AppendTypeSummary(std::string& out, const TypeSummary& summary) {
  TM_CHECK_LE(summary.first_time_us, summary.last_time_us);
  AppendVarint(out, summary.count);
  AppendVarint(out, summary.first_time_us);
  AppendVarint(out, summary.last_time_us - summary.first_time_us);
}

bool TakeTypeSummary(absl::string_view& row, TypeSummary& summary) {
  uint64_t span = 0;
  if (!TakeVarint(row, summary.count) || !TakeVarint(row, summary.first_time_us) ||
      !TakeVarint(row, span)) {
    return false;
  }
  summary.last_time_us = summary.first_time_us + span;
  return summary.last_time_us >= span;
}

std::string EncodeKeyTotal(const KeyTotal& total) {
  std::string value;
  AppendVarint(value, total.count);
  AppendVarint(value, total.first.value());
  AppendVarint(value, total.last - total.first);
  return value;
}

bool DecodeKeyTotal(absl::string_view value, KeyTotal& total) {
  uint64_t first = 0;
  uint64_t span = 0;
  if (!TakeVarint(value, total.count) || !TakeVarint(value, first) || !TakeVarint(value, span)) {
    return false;
  }
  total.first = Offset(first);
  total.last = Offset(first + span);
  return value.empty() && total.count > 0 && total.last >= total.first && span >= total.count - 1;
}

KeyTotal Sum(const KeyTotal& a, const KeyTotal& b) {
  return {.count = a.count + b.count,
          .first = std::min(a.first, b.first),
          .last = std::max(a.last, b.last)};
}

}  // namespace tidemark::storage
