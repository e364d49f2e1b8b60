#include "server/log/segment_builder.h"

#include <algorithm>

#include "server/base/check.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

constexpr size_t kTextBlockBytes = 64 << 10;

// True if every event can be walked, so that adding a batch is all or nothing.
bool CanWalk(const storage::StoredBatch& batch) {
  WireReader reader(batch.events);
  WireField entry;
  uint32_t count = 0;
  while (reader.Next(entry)) ++count;
  return reader.ok() && count == batch.header.count;
}

}  // namespace

absl::string_view SegmentBuilder::TermTable::Keep(absl::string_view text) {
  if (texts_.empty() || texts_.back().size() + text.size() > texts_.back().capacity()) {
    texts_.emplace_back();
    texts_.back().reserve(std::max(kTextBlockBytes, text.size()));
  }
  std::string& block = texts_.back();
  const size_t at = block.size();
  block.append(text.data(), text.size());
  return absl::string_view(block).substr(at);
}

void SegmentBuilder::TermTable::Add(absl::string_view text, uint32_t offset, uint32_t batch) {
  auto it = ids_.find(text);
  if (it == ids_.end()) {
    const absl::string_view kept = Keep(text);
    it = ids_.emplace(kept, static_cast<uint32_t>(terms_.size())).first;
    terms_.push_back({.text = kept});
  }
  Term& term = terms_[it->second];
  ++term.count;
  if (term.tail != kNone && occurrences_[term.tail].batch == batch) {
    Occurrence& occurrence = occurrences_[term.tail];
    ++occurrence.count;
    occurrence.last = offset;
    return;
  }
  const auto id = static_cast<uint32_t>(occurrences_.size());
  occurrences_.push_back({.batch = batch, .first = offset, .last = offset, .count = 1});
  (term.tail == kNone ? term.head : occurrences_[term.tail].next) = id;
  term.tail = id;
}

std::vector<const SegmentBuilder::Term*> SegmentBuilder::TermTable::Sorted() const {
  std::vector<const Term*> sorted;
  sorted.reserve(terms_.size());
  for (const Term& term : terms_) sorted.push_back(&term);
  std::sort(sorted.begin(), sorted.end(),
            [](const Term* a, const Term* b) { return a->text < b->text; });
  return sorted;
}

void SegmentBuilder::TermTable::ForEach(const Term& term,
                                        absl::FunctionRef<void(const Occurrence&)> visit) const {
  for (uint32_t i = term.head; i != kNone; i = occurrences_[i].next) visit(occurrences_[i]);
}

absl::Status SegmentBuilder::Add(const storage::StoredBatch& batch) {
  if (!CanWalk(batch)) return absl::DataLossError("stored events are malformed");
  if (!start_.has_value()) start_ = batch.header.base_offset;
  const auto number = static_cast<uint32_t>(append_times_us_.size());
  append_times_us_.push_back(batch.header.append_time_us);
  auto offset = static_cast<uint32_t>(batch.header.base_offset - *start_);
  WireReader reader(batch.events);
  WireField entry;
  for (; reader.Next(entry); ++offset) {
    EventView event;
    // What was checked when it came in and has its checksum; else it is found by nobody.
    if (!ViewEvent(entry.bytes, event).ok()) continue;
    types_.Add(event.type, offset, number);
    if (index_keys_ && !event.key.empty()) keys_.Add(event.key, offset, number);
  }
  return absl::OkStatus();
}

void SegmentBuilder::AddUnread(const storage::BatchHeader& batch) {
  if (!start_.has_value()) start_ = batch.base_offset;
  unread_.push_back(batch);
}

void SegmentBuilder::WriteKeys(storage::TermWriter& writer, LogId log, Offset until) const {
  const std::vector<const Term*> keys = keys_.Sorted();
  std::string row;
  for (const Term* key : keys) {
    row.clear();
    storage::PostingWriter postings(row, until);
    keys_.ForEach(*key, [&](const Occurrence& one) {
      postings.Add(*start_ + one.first, *start_ + one.last);
    });
    writer.PutTerm(log, storage::TermKind::kKey, key->text, until, row);
  }
  for (const Term* key : keys) {
    writer.AddKeyTotal(log, key->text,
                       {.count = key->count,
                        .first = *start_ + keys_.First(*key).first,
                        .last = *start_ + keys_.Last(*key).last});
  }
}

void SegmentBuilder::WriteTypes(storage::TermWriter& writer, LogId log, Offset until) const {
  std::string row;
  for (const Term* type : types_.Sorted()) {
    row.clear();
    storage::AppendTypeSummary(row, {.count = type->count,
                                     .first_time_us = append_times_us_[types_.First(*type).batch],
                                     .last_time_us = append_times_us_[types_.Last(*type).batch]});
    storage::PostingWriter postings(row, until);
    types_.ForEach(*type, [&](const Occurrence& one) {
      postings.Add(*start_ + one.first, *start_ + one.last, one.count);
    });
    writer.PutTerm(log, storage::TermKind::kType, type->text, until, row);
  }
}

void SegmentBuilder::WriteTo(storage::TermWriter& writer, LogId log, Offset until) const {
  WriteKeys(writer, log, until);
  writer.PutSealed(log, until);
  WriteTypes(writer, log, until);
  if (unread_.empty()) return;
  std::string row;
  storage::PostingWriter postings(row, until);
  for (const storage::BatchHeader& batch : unread_) {
    postings.Add(batch.base_offset, Offset(batch.end_offset().value() - 1));
  }
  writer.PutTerm(log, storage::TermKind::kUnread, "", until, row);
}

}  // namespace tidemark::log
