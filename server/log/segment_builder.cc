#include "server/log/segment_builder.h"

#include <algorithm>
#include <iterator>
#include <numeric>

#include "server/base/check.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

constexpr size_t kTextBlockBytes = 64 << 10;

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

uint32_t SegmentBuilder::TermTable::IdOf(absl::string_view text) {
  if (!terms_.empty() && terms_[last_].text == text) return last_;
  auto it = ids_.find(text);
  if (it == ids_.end()) {
    const absl::string_view kept = Keep(text);
    it = ids_.emplace(kept, static_cast<uint32_t>(terms_.size())).first;
    terms_.push_back({.text = kept});
  }
  last_ = it->second;
  return last_;
}

void SegmentBuilder::TermTable::Add(absl::string_view text, uint32_t offset, uint32_t batch_begin) {
  const uint32_t id = IdOf(text);
  Found& term = terms_[id];
  ++term.count;
  if (term.occurrences > 0 && uses_[term.newest].occurrence.first >= batch_begin) {
    Occurrence& occurrence = uses_[term.newest].occurrence;
    ++occurrence.count;
    occurrence.last = offset;
    return;
  }
  ++term.occurrences;
  term.newest = static_cast<uint32_t>(uses_.size());
  uses_.push_back({id, {.first = offset, .last = offset, .count = 1}});
}

const std::vector<SegmentBuilder::Term>& SegmentBuilder::TermTable::Group() {
  std::vector<uint32_t> order(terms_.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [this](uint32_t a, uint32_t b) { return terms_[a].text < terms_[b].text; });
  std::vector<uint32_t> next(terms_.size());  // Where the next occurrence of a term goes.
  uint32_t begin = 0;
  for (const uint32_t id : order) {
    next[id] = begin;
    begin += terms_[id].occurrences;
  }
  grouped_.resize(uses_.size());
  for (const Use& use : uses_) grouped_[next[use.term]++] = use.occurrence;
  uses_ = {};
  result_.reserve(terms_.size());
  for (const uint32_t id : order) {
    const Found& term = terms_[id];
    result_.push_back({.text = term.text,
                       .count = term.count,
                       .occurrences = absl::MakeConstSpan(grouped_).subspan(
                           next[id] - term.occurrences, term.occurrences)});
  }
  return result_;
}

absl::Status SegmentBuilder::Add(const storage::StoredBatch& batch) {
  views_.clear();
  WireReader reader(batch.events);
  WireField entry;
  while (reader.Next(entry)) {
    // What was checked when it came in and has its checksum; else it is found by nobody.
    if (!ViewEvent(entry.bytes, views_.emplace_back()).ok()) views_.back() = {};
  }
  if (!reader.ok() || views_.size() != batch.header.count) {
    return absl::DataLossError("stored events are malformed");
  }
  if (!start_.has_value()) start_ = batch.header.base_offset;
  const auto begin = static_cast<uint32_t>(batch.header.base_offset - *start_);
  batches_.push_back({.begin = begin, .append_time_us = batch.header.append_time_us});
  uint32_t offset = begin;
  for (const EventView& event : views_) {
    if (!event.type.empty()) types_.Add(event.type, offset, begin);
    if (index_keys_ && !event.key.empty()) keys_.Add(event.key, offset, begin);
    ++offset;
  }
  return absl::OkStatus();
}

void SegmentBuilder::AddUnread(const storage::BatchHeader& batch) {
  if (!start_.has_value()) start_ = batch.base_offset;
  unread_.push_back(batch);
}

uint64_t SegmentBuilder::AppendTimeAt(uint32_t offset) const {
  const auto behind =
      std::upper_bound(batches_.begin(), batches_.end(), offset,
                       [](uint32_t at, const Batch& batch) { return at < batch.begin; });
  return std::prev(behind)->append_time_us;
}

void SegmentBuilder::WriteKeys(storage::TermWriter& writer, LogId log, Offset until) {
  const std::vector<Term>& keys = keys_.Group();
  std::string row;
  for (const Term& key : keys) {
    row.clear();
    storage::PostingWriter postings(row, until);
    for (const Occurrence& one : key.occurrences) {
      postings.Add(*start_ + one.first, *start_ + one.last);
    }
    writer.PutTerm(log, storage::TermKind::kKey, key.text, until, row);
  }
  for (const Term& key : keys) {
    writer.AddKeyTotal(log, key.text,
                       {.count = key.count,
                        .first = *start_ + key.occurrences.front().first,
                        .last = *start_ + key.occurrences.back().last});
  }
}

void SegmentBuilder::WriteTypes(storage::TermWriter& writer, LogId log, Offset until) {
  std::string row;
  for (const Term& type : types_.Group()) {
    row.clear();
    storage::AppendTypeSummary(row, {.count = type.count,
                                     .first_time_us = AppendTimeAt(type.occurrences.front().first),
                                     .last_time_us = AppendTimeAt(type.occurrences.back().first)});
    storage::PostingWriter postings(row, until);
    for (const Occurrence& one : type.occurrences) {
      postings.Add(*start_ + one.first, *start_ + one.last, one.count);
    }
    writer.PutTerm(log, storage::TermKind::kType, type.text, until, row);
  }
}

void SegmentBuilder::WriteTo(storage::TermWriter& writer, LogId log, Offset until) {
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
