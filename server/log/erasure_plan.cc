#include "server/log/erasure_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

using storage::KeyTotal;
using storage::Posting;
using storage::TermKind;

absl::Status DamagedRow(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("an index row of ", what, " is damaged"));
}

void Extend(std::optional<Posting>& posting, Offset offset) {
  if (!posting.has_value()) posting = Posting{.first = offset, .last = offset, .count = 0};
  posting->last = offset;
  ++posting->count;
}

bool Contains(const OffsetRanges& ranges, Offset offset) {
  return Overlaps(ranges, offset, offset + 1);
}

}  // namespace

void ErasurePlan::Note(absl::btree_map<std::string, Edits>& terms, absl::string_view term,
                       const storage::BatchHeader& header, Offset offset, bool goes) {
  if (term.empty()) return;
  auto it = terms.find(term);
  if (it == terms.end()) {
    if (!goes) return;
    it = terms.emplace(std::string(term), Edits()).first;
  }
  Edits& edits = it->second;
  const bool is_open = !edits.empty() && edits.back().base == header.base_offset;
  if (goes) {
    if (!is_open) edits.push_back({header.base_offset, header.end_offset(), std::nullopt});
  } else if (is_open) {
    Extend(edits.back().left, offset);
  }
}

absl::Status ErasurePlan::Add(const storage::StoredBatch& batch, Offset from, Offset until) {
  return AddIf(batch, [&](Offset offset, const EventView& event) {
    const bool of_type =
        target_.types.empty() ||
        std::find(target_.types.begin(), target_.types.end(), event.type) != target_.types.end();
    return offset >= from && offset < until && of_type &&
           (target_.key.empty() || event.key == target_.key);
  });
}

absl::Status ErasurePlan::AddIf(const storage::StoredBatch& batch, Choice goes) {
  struct Seen {
    EventView event;
    bool blank = false;
    bool erased = false;
    bool goes = false;
  };
  const storage::BatchHeader& header = batch.header;
  std::vector<Seen> seen;
  seen.reserve(header.count);
  bool any = false;
  WireReader reader(batch.events);
  WireField entry;
  while (reader.Next(entry)) {
    const Offset offset = header.base_offset + seen.size();
    Seen& one = seen.emplace_back();
    one.blank = IsBlank(entry.bytes);
    one.erased = entry.bytes.empty();
    if (one.blank) continue;
    if (absl::Status status = ViewEvent(entry.bytes, one.event); !status.ok()) return status;
    one.goes = goes(offset, one.event);
    if (!one.goes) ++kept_;
    any = any || one.goes;
  }
  if (!reader.ok() || seen.size() != header.count) {
    return absl::DataLossError(
        absl::StrCat("the batch at offset ", header.base_offset, " is malformed"));
  }
  if (!any) return absl::OkStatus();
  BatchEdit blanks{header.base_offset, header.end_offset(), std::nullopt};
  // First the terms that change, then what is left of them.
  for (const bool first : {true, false}) {
    for (size_t i = 0; i < seen.size(); ++i) {
      const Offset offset = header.base_offset + i;
      const EventView& event = seen[i].event;
      if (first && (seen[i].goes || seen[i].erased)) Extend(blanks.left, offset);
      if (seen[i].blank || seen[i].goes != first) continue;
      Note(types_, event.type, header, offset, first);
      if (index_keys_) Note(keys_, event.key, header, offset, first);
      if (!first) continue;
      ++events_;
      AppendRange(ranges_, {offset, offset + 1});
      if (!index_keys_ || event.key.empty() || compacts_) continue;
      const KeyTotal one{.count = 1, .first = offset, .last = offset};
      const auto [total, is_new] = erased_of_key_.try_emplace(std::string(event.key), one);
      if (!is_new) total->second = Sum(total->second, one);
    }
  }
  if (!compacts_) blanks_.push_back(blanks);
  return absl::OkStatus();
}

// Changes rows; each is read as it is before the erasure.
class ErasurePlan::IndexWriter {
 public:
  IndexWriter(const ErasurePlan& plan, const storage::Store& store, Offset start, ChangeRow change)
      : plan_(plan),
        store_(store),
        start_(start),
        change_(change),
        cursor_(store.Terms(plan.log_)) {}

  absl::Status WriteType(const std::string& type, const Edits& edits) {
    auto edit = edits.begin();
    cursor_->Seek(TermKind::kType, type, edits.front().base + 1);
    for (; cursor_->Valid() && cursor_->term() == type && edit != edits.end(); cursor_->Next()) {
      const Offset until = cursor_->until();
      absl::string_view row = cursor_->row();
      storage::TypeSummary summary;
      if (!storage::TakeTypeSummary(row, summary)) return DamagedRow("types");
      absl::StatusOr<std::vector<Posting>> left = Apply(row, until, &summary, edit, edits.end());
      if (!left.ok()) return left.status();
      std::optional<std::string> value;
      if (!left->empty()) {
        absl::StatusOr<std::string> encoded = EncodeType(*left, until, summary);
        if (!encoded.ok()) return encoded.status();
        value = *std::move(encoded);
      }
      change_(storage::TermKey(plan_.log_, TermKind::kType, type, until), value);
    }
    return cursor_->status();
  }

  absl::Status WriteKey(const std::string& key, const Edits& edits) {
    absl::StatusOr<std::optional<KeyTotal>> total = cursor_->TotalOf(key);
    if (!total.ok()) return total.status();
    struct Row {
      Offset until;
      std::optional<std::string> value;
      bool changed = false;
    };
    std::vector<Row> rows;
    std::optional<Posting> readable;  // From the first to the last that can be read.
    auto edit = edits.begin();
    for (cursor_->Seek(TermKind::kKey, key, Offset(0)); cursor_->Valid() && cursor_->term() == key;
         cursor_->Next()) {
      Row& row = rows.emplace_back();
      row.until = cursor_->until();
      const auto before = edit;
      absl::StatusOr<std::vector<Posting>> left =
          Apply(cursor_->row(), row.until, nullptr, edit, edits.end());
      if (!left.ok()) return left.status();
      row.changed = edit != before;
      if (!left->empty()) row.value = EncodePlaces(*left, row.until);
      for (const Posting& posting : *left) {
        if (posting.last < start_) continue;
        if (!readable.has_value()) readable = posting;
        readable->last = posting.last;
      }
    }
    if (!cursor_->status().ok()) return cursor_->status();
    const bool stays = readable.has_value() || plan_.compacts_;
    for (const Row& row : rows) {
      if (stays && !row.changed) continue;
      change_(storage::TermKey(plan_.log_, TermKind::kKey, key, row.until),
              stays ? row.value : std::nullopt);
    }
    return plan_.compacts_ ? absl::OkStatus() : WriteTotal(key, *total, readable);
  }

  absl::Status WriteBlanks(const Edits& blanks) {
    for (auto blank = blanks.begin(); blank != blanks.end();) {
      const auto segment = segments_.find(blank->base);
      if (segment == segments_.end()) {  // Of no row: it could not be indexed.
        ++blank;
        continue;
      }
      const Offset until = segment->second;
      absl::btree_map<Offset, Posting> places;
      cursor_->Seek(TermKind::kErased, "", until);
      if (cursor_->Valid() && cursor_->until() == until) {
        storage::PostingReader reader(cursor_->row(), until);
        Posting posting;
        while (reader.Next(posting)) places[posting.first] = posting;
        if (!reader.ok()) return DamagedRow("erased events");
      }
      for (; blank != blanks.end() && blank->base < until; ++blank) {
        places.erase(places.lower_bound(blank->base), places.lower_bound(blank->end));
        places[blank->left->first] = *blank->left;
      }
      std::vector<Posting> postings;
      for (const auto& [first, posting] : places) postings.push_back(posting);
      change_(storage::TermKey(plan_.log_, TermKind::kErased, "", until),
              EncodePlaces(postings, until));
    }
    return cursor_->status();
  }

 private:
  // The postings of a row after the edits of its segment, which `edit` passes.
  absl::StatusOr<std::vector<Posting>> Apply(absl::string_view row, Offset until,
                                             const storage::TypeSummary* summary,
                                             Edits::const_iterator& edit,
                                             Edits::const_iterator end) {
    std::vector<Posting> left;
    storage::PostingReader reader(row, until, summary);
    Posting posting;
    while (reader.Next(posting)) {
      while (edit != end && edit->end <= posting.first) ++edit;
      if (edit == end || posting.first < edit->base) {
        left.push_back(posting);
        continue;
      }
      segments_[edit->base] = until;
      if (edit->left.has_value()) left.push_back(*edit->left);
      ++edit;
    }
    if (!reader.ok()) return DamagedRow("types and keys");
    while (edit != end && edit->base < until) ++edit;  // Of batches that the row does not name.
    return left;
  }

  absl::StatusOr<uint64_t> AppendTimeAt(Offset offset) const {
    absl::StatusOr<std::optional<storage::BatchInfo>> batch = store_.BatchAt(plan_.log_, offset);
    if (!batch.ok()) return batch.status();
    if (!batch->has_value()) return 0;  // Retention has passed it.
    return (*batch)->row.append_time_us;
  }

  absl::StatusOr<std::string> EncodeType(const std::vector<Posting>& postings, Offset until,
                                         const storage::TypeSummary& before) const {
    storage::TypeSummary summary;
    for (const Posting& posting : postings) summary.count += posting.count;
    absl::StatusOr<uint64_t> first = AppendTimeAt(postings.front().first);
    if (!first.ok()) return first.status();
    absl::StatusOr<uint64_t> last = AppendTimeAt(postings.back().first);
    if (!last.ok()) return last.status();
    summary.last_time_us = *last == 0 ? before.last_time_us : *last;
    summary.first_time_us =
        std::min(*first == 0 ? before.first_time_us : *first, summary.last_time_us);
    std::string row;
    storage::AppendTypeSummary(row, summary);
    storage::PostingWriter writer(row, until);
    for (const Posting& posting : postings) writer.Add(posting.first, posting.last, posting.count);
    return row;
  }

  static std::string EncodePlaces(const std::vector<Posting>& postings, Offset until) {
    std::string row;
    storage::PostingWriter writer(row, until);
    for (const Posting& posting : postings) writer.Add(posting.first, posting.last);
    return row;
  }

  absl::Status WriteTotal(const std::string& key, const std::optional<KeyTotal>& total,
                          const std::optional<Posting>& readable) {
    if (!total.has_value()) return absl::OkStatus();  // Not indexed.
    const auto found = plan_.erased_of_key_.find(key);
    const KeyTotal erased = found == plan_.erased_of_key_.end() ? KeyTotal() : found->second;
    const std::string digest = store_.DigestOf(key);
    absl::StatusOr<std::optional<KeyTotal>> before = cursor_->ErasedTotalOf(digest);
    if (!before.ok()) return before.status();
    const std::string row = storage::KeyTotalKey(plan_.log_, key);
    KeyTotal moved = erased;
    if (!readable.has_value() || total->count <= erased.count) {
      moved = *total;
      change_(row, std::nullopt);
    } else {
      KeyTotal left{
          .count = total->count - erased.count, .first = total->first, .last = total->last};
      if (Contains(plan_.ranges_, left.first)) left.first = readable->first;
      if (Contains(plan_.ranges_, left.last)) left.last = readable->last;
      change_(row, EncodeKeyTotal(left));
    }
    if (before->has_value()) moved = Sum(**before, moved);
    change_(storage::ErasedTotalKey(plan_.log_, digest), EncodeKeyTotal(moved));
    return absl::OkStatus();
  }

  const ErasurePlan& plan_;
  const storage::Store& store_;
  const Offset start_;
  const ChangeRow change_;
  const std::unique_ptr<storage::TermCursor> cursor_;
  absl::btree_map<Offset, Offset> segments_;  // Base of a batch -> end of its segment.
};

absl::StatusOr<bool> ErasurePlan::HasWork(const storage::Store& store) const {
  if (events_ > 0) return true;
  if (!whole_key_ || !index_keys_) return false;
  absl::StatusOr<std::optional<KeyTotal>> total = store.Terms(log_)->TotalOf(target_.key);
  if (!total.ok()) return total.status();
  return total->has_value();
}

absl::Status ErasurePlan::WriteIndex(const storage::Store& store, Offset start,
                                     ChangeRow change) const {
  IndexWriter writer(*this, store, start, change);
  for (const auto& [type, edits] : types_) {
    if (absl::Status status = writer.WriteType(type, edits); !status.ok()) return status;
  }
  for (const auto& [key, edits] : keys_) {
    if (absl::Status status = writer.WriteKey(key, edits); !status.ok()) return status;
  }
  if (whole_key_ && index_keys_ && !keys_.contains(target_.key)) {
    if (absl::Status status = writer.WriteKey(target_.key, {}); !status.ok()) return status;
  }
  return writer.WriteBlanks(blanks_);
}

}  // namespace tidemark::log
