#include "server/log/term_digest.h"

#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "server/log/blanks.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {

using storage::Posting;
using storage::TermKind;

void TermDigest::Add(TermKind kind, absl::string_view term, const Posting& posting) {
  const uint64_t count = kind == TermKind::kType ? posting.count : 0;
  uint64_t& sum = kind == TermKind::kType ? types_ : (kind == TermKind::kErased ? erased_ : keys_);
  sum += absl::HashOf(term, posting.first.value(), posting.last.value(), count);
}

size_t KeySums::PartOf(absl::string_view key) { return absl::HashOf(key) % kParts; }

void KeySums::Add(absl::string_view key, uint64_t count) {
  const uint64_t hash = absl::HashOf(key);
  // Odd, so that another count is another sum.
  sums_[hash % kParts] += count * (absl::HashOf(hash) | 1);
}

std::vector<size_t> KeySums::DifferentParts(const KeySums& other) const {
  std::vector<size_t> parts;
  for (size_t part = 0; part < kParts; ++part) {
    if (sums_[part] != other.sums_[part]) parts.push_back(part);
  }
  return parts;
}

bool ForKeys(const storage::StoredBatch& batch, absl::FunctionRef<void(absl::string_view)> visit) {
  WireReader reader(batch.events);
  WireField entry;
  while (reader.Next(entry)) {
    EventView event;
    if (ViewEvent(entry.bytes, event).ok() && !event.key.empty()) visit(event.key);
  }
  return reader.ok();
}

bool TermDigest::AddBatch(const storage::StoredBatch& batch, bool index_keys, KeySums* sums) {
  absl::flat_hash_map<std::pair<TermKind, absl::string_view>, Posting> postings;
  std::optional<Posting> erased;
  Offset offset = batch.header.base_offset;
  WireReader reader(batch.events);
  WireField entry;
  while (reader.Next(entry)) {
    EventView event;
    // As SegmentBuilder does: what cannot be viewed has no terms.
    if (!ViewEvent(entry.bytes, event).ok()) event = {};
    const auto add = [&](TermKind kind, absl::string_view term) {
      if (term.empty()) return;
      Posting& posting = postings.try_emplace({kind, term}, Posting{.first = offset}).first->second;
      posting.last = offset;
      ++posting.count;
    };
    if (IsBlank(entry.bytes)) {
      const GapReason reason = ReasonOf(entry.bytes);
      if (sums != nullptr) sums->NoteBlank(reason);
      if (reason == GapReason::kErased) {
        if (!erased.has_value()) erased = Posting{.first = offset};
        erased->last = offset;
      }
    }
    add(TermKind::kType, event.type);
    if (index_keys) add(TermKind::kKey, event.key);
    ++offset;
  }
  if (!reader.ok() || offset != batch.header.end_offset()) return false;
  if (erased.has_value()) Add(TermKind::kErased, "", *erased);
  for (const auto& [term, posting] : postings) {
    Add(term.first, term.second, posting);
    if (sums != nullptr && term.first == TermKind::kKey) sums->Add(term.second, posting.count);
  }
  return true;
}

}  // namespace tidemark::log
