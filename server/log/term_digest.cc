#include "server/log/term_digest.h"

#include <utility>

#include "absl/hash/hash.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {

using storage::Posting;
using storage::TermKind;

void TermDigest::Add(TermKind kind, absl::string_view term, const Posting& posting) {
  const uint64_t count = kind == TermKind::kType ? posting.count : 0;
  uint64_t& sum = kind == TermKind::kType ? types_ : keys_;
  sum += absl::HashOf(term, posting.first.value(), posting.last.value(), count);
}

bool TermDigest::AddBatch(const storage::StoredBatch& batch, bool index_keys) {
  absl::flat_hash_map<std::pair<TermKind, absl::string_view>, Posting> postings;
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
    add(TermKind::kType, event.type);
    if (index_keys) add(TermKind::kKey, event.key);
    ++offset;
  }
  if (!reader.ok() || offset != batch.header.end_offset()) return false;
  for (const auto& [term, posting] : postings) Add(term.first, term.second, posting);
  return true;
}

}  // namespace tidemark::log
