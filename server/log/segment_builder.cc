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

void SegmentBuilder::TermTable::Add(absl::string_view text, Offset offset, uint32_t batch) {
  auto it = ids_.find(text);
  if (it == ids_.end()) {
    const absl::string_view kept = Keep(text);
    it = ids_.emplace(kept, static_cast<uint32_t>(terms_.size())).first;
    terms_.push_back({.text = kept, .first = offset});
  }
  Term& term = terms_[it->second];
  ++term.count;
  term.last = offset;
  if (term.tail != kNone && occurrences_[term.tail].batch == batch) {
    ++occurrences_[term.tail].count;
    return;
  }
  const auto id = static_cast<uint32_t>(occurrences_.size());
  occurrences_.push_back({.batch = batch, .count = 1});
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
                                        absl::FunctionRef<void(uint32_t, uint32_t)> visit) const {
  for (uint32_t i = term.head; i != kNone; i = occurrences_[i].next) {
    visit(occurrences_[i].batch, occurrences_[i].count);
  }
}

absl::Status SegmentBuilder::Add(const storage::StoredBatch& batch) {
  if (!CanWalk(batch)) return absl::DataLossError("stored events are malformed");
  const auto number = static_cast<uint32_t>(batches_.size());
  batches_.push_back({batch.header.base_offset, batch.header.append_time_us});
  Offset offset = batch.header.base_offset;
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

void SegmentBuilder::AddUnread(Offset base) { unread_.push_back(base); }

void SegmentBuilder::WriteKeys(storage::TermWriter& writer, LogId log, Offset until) const {
  const std::vector<const Term*> keys = keys_.Sorted();
  std::string row;
  for (const Term* key : keys) {
    row.clear();
    storage::PostingWriter postings(row, until);
    keys_.ForEach(*key, [&](uint32_t batch, uint32_t) { postings.Add(batches_[batch].base); });
    writer.PutTerm(log, storage::TermKind::kKey, key->text, until, row);
  }
  for (const Term* key : keys) {
    writer.AddKeyTotal(log, key->text,
                       {.count = key->count, .first = key->first, .last = key->last});
  }
}

void SegmentBuilder::WriteTypes(storage::TermWriter& writer, LogId log, Offset until) const {
  std::string row;
  for (const Term* type : types_.Sorted()) {
    storage::TypeSummary summary{.count = type->count};
    bool first = true;
    types_.ForEach(*type, [&](uint32_t batch, uint32_t) {
      summary.last_time_us = batches_[batch].append_time_us;
      if (first) summary.first_time_us = summary.last_time_us;
      first = false;
    });
    row.clear();
    storage::AppendTypeSummary(row, summary);
    storage::PostingWriter postings(row, until);
    types_.ForEach(
        *type, [&](uint32_t batch, uint32_t count) { postings.Add(batches_[batch].base, count); });
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
  for (const Offset base : unread_) postings.Add(base);
  writer.PutTerm(log, storage::TermKind::kUnread, "", until, row);
}

}  // namespace tidemark::log
