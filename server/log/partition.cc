#include "server/log/partition.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace tidemark::log {

Partition::Ends Partition::ends() const {
  absl::MutexLock lock(&mu_);
  return kept_.ends;
}

Partition::Kept Partition::kept() const {
  absl::MutexLock lock(&mu_);
  return kept_;
}

bool Partition::deleted() const {
  absl::MutexLock lock(&mu_);
  return deleted_;
}

Partition::TailRead Partition::ReadTail(Offset from, uint64_t bytes_max) const {
  absl::MutexLock lock(&mu_);
  if (deleted_) return {.state = TailState::kDeleted, .batches = {}};
  if (from >= kept_.ends.end) return {.state = TailState::kAtEnd, .batches = {}};
  if (from < kept_.ends.start) return {.state = TailState::kTooOld, .batches = {}};
  if (tail_.empty() || from < tail_.front()->header.base_offset) {
    return {.state = TailState::kInStore, .batches = {}};
  }
  auto it = std::upper_bound(tail_.begin(), tail_.end(), from,
                             [](Offset offset, const storage::BatchPtr& batch) {
                               return offset < batch->header.end_offset();
                             });
  TailRead read{.state = TailState::kBatches, .batches = {}};
  uint64_t bytes = 0;
  for (; it != tail_.end(); ++it) {
    bytes += (*it)->events.size();
    if (!read.batches.empty() && bytes > bytes_max) break;
    read.batches.push_back(*it);
  }
  return read;
}

Partition::TailSpans Partition::SpansInTail(Offset from, Offset until, Direction direction,
                                            size_t spans_max) const {
  absl::MutexLock lock(&mu_);
  until = std::min(until, kept_.ends.end);
  if (deleted_) return {.state = TailState::kDeleted, .spans = {}};
  if (from >= until) return {.state = TailState::kAtEnd, .spans = {}};
  if (from < kept_.ends.start) return {.state = TailState::kTooOld, .spans = {}};
  const bool forward = direction == Direction::kForward;
  // Of the batch to begin with.
  const Offset first = forward ? from : Offset(until.value() - 1);
  if (tail_.empty() || first < tail_.front()->header.base_offset) {
    return {.state = TailState::kInStore, .spans = {}};
  }
  auto it = std::upper_bound(tail_.begin(), tail_.end(), first,
                             [](Offset offset, const storage::BatchPtr& batch) {
                               return offset < batch->header.end_offset();
                             });
  TailSpans read{.state = TailState::kBatches, .spans = {}};
  while (true) {
    const storage::BatchHeader& header = (*it)->header;
    if (forward ? header.base_offset >= until : header.end_offset() <= from) break;
    read.spans.push_back({.base_offset = header.base_offset,
                          .count = header.count,
                          .bytes = header.events_bytes,
                          .position = header.position});
    if (read.spans.size() >= spans_max) break;
    if (!forward && it == tail_.begin()) break;
    forward ? ++it : --it;
    if (it == tail_.end()) break;
  }
  return read;
}

Position Partition::newest() const {
  absl::MutexLock lock(&mu_);
  return newest_;
}

bool Partition::Wait(Offset from, std::weak_ptr<Waiter> waiter, uint32_t slot) {
  const std::shared_ptr<Waiter> alive = waiter.lock();
  absl::MutexLock lock(&mu_);
  if (deleted_ || kept_.ends.end > from) return false;
  waiting_.push_back({std::move(waiter), alive.get(), slot, from});
  return true;
}

void Partition::StopWaiting(const Waiter* waiter) {
  absl::MutexLock lock(&mu_);
  std::erase_if(waiting_, [waiter](const Waiting& w) { return w.identity == waiter; });
}

void Partition::Tell(const std::vector<Waiting>& waiting) {
  for (const Waiting& w : waiting) {
    if (const std::shared_ptr<Waiter> waiter = w.waiter.lock()) waiter->OnReady(w.slot);
  }
}

void Partition::PublishLocked(absl::Span<const storage::BatchPtr> batches,
                              std::vector<BatchTerms> terms, std::vector<Waiting>& waiting) {
  for (size_t i = 0; i < batches.size(); ++i) {
    const storage::BatchPtr& batch = batches[i];
    TM_CHECK_EQ(batch->header.base_offset.value(), kept_.ends.end.value());
    if (kept_.empty()) kept_.oldest_time_us = batch->header.append_time_us;
    kept_.ends.end = batch->header.end_offset();
    kept_.end_bytes += batch->stored_bytes();
    newest_ = batch->header.position;
    tail_.push_back(batch);
    if (!terms.empty()) index_.Add(batch->header, std::move(terms[i]));
  }
  if (terms.empty() && !batches.empty()) index_.Clear(kept_.ends.end);
  if (budget_ != nullptr && UnsealedLocked() >= budget_->segment_events()) {
    budget_->RequestPass();
  }
  std::erase_if(waiting_, [&waiting, end = kept_.ends.end](Waiting& w) {
    if (w.from >= end) return false;
    waiting.push_back(std::move(w));
    return true;
  });
}

void Partition::Publish(absl::Span<const storage::BatchPtr> batches,
                        std::vector<BatchTerms> terms) {
  std::vector<Waiting> waiting;
  {
    absl::MutexLock lock(&mu_);
    PublishLocked(batches, std::move(terms), waiting);
  }
  Tell(waiting);
}

void Partition::Stage(absl::Span<const storage::BatchPtr> batches, std::vector<BatchTerms> terms) {
  TM_CHECK_EQ(batches.size(), terms.size());
  absl::MutexLock lock(&mu_);
  for (size_t i = 0; i < batches.size(); ++i) {
    staged_.emplace_back(batches[i], std::move(terms[i]));
  }
}

void Partition::PublishStaged(size_t batches) {
  std::vector<Waiting> waiting;
  std::vector<storage::BatchPtr> published;
  std::vector<BatchTerms> terms;
  published.reserve(batches);
  terms.reserve(batches);
  {
    absl::MutexLock lock(&mu_);
    TM_CHECK_LE(batches, staged_.size());
    for (; batches > 0; --batches) {
      published.push_back(std::move(staged_.front().first));
      terms.push_back(std::move(staged_.front().second));
      staged_.pop_front();
    }
    PublishLocked(published, std::move(terms), waiting);
  }
  Tell(waiting);
}

storage::BatchPtr Partition::InTailLocked(Offset offset) const {
  if (tail_.empty() || offset < tail_.front()->header.base_offset) return nullptr;
  const auto it = std::upper_bound(
      tail_.begin(), tail_.end(), offset,
      [](Offset at, const storage::BatchPtr& batch) { return at < batch->header.end_offset(); });
  return it == tail_.end() ? nullptr : *it;
}

void Partition::AddStagedLocked(uint64_t key_hash, Offset from, KeyPlaces& found) const {
  for (const auto& [batch, terms] : staged_) {
    const storage::BatchHeader& header = batch->header;
    found.end = header.end_offset();
    if (header.end_offset() <= from) continue;
    const Offset first = std::max(header.base_offset, from);
    if (MayHoldKey(terms.key_hashes, header.count, key_hash, first - header.base_offset)) {
      found.places.push_back({first, header.end_offset(), batch});
    }
  }
}

std::optional<Partition::KeyPlaces> Partition::FindKeySince(uint64_t key_hash, Offset from) const {
  KeyPlaces found;
  std::vector<OffsetSpan> spans;
  Offset next = from;
  while (true) {
    absl::MutexLock lock(&mu_);
    const Offset end = kept_.ends.end;
    if (next < end) {
      if (index_.begin() > next) return std::nullopt;
      spans.clear();
      next = index_.FindKey(key_hash, next, end, spans);
      for (const OffsetSpan& span : spans) {
        found.places.push_back({span.from, span.until, InTailLocked(span.from)});
      }
    }
    if (next < end) continue;
    found.end = end;
    AddStagedLocked(key_hash, from, found);
    return found;
  }
}

void Partition::TrimTo(Offset start, uint64_t start_bytes, uint64_t oldest_time_us) {
  absl::MutexLock lock(&mu_);
  TM_CHECK_LE(kept_.ends.start.value(), start.value());
  TM_CHECK_LE(start.value(), kept_.ends.end.value());
  kept_.ends.start = start;
  kept_.start_bytes = start_bytes;
  kept_.oldest_time_us = oldest_time_us;
  while (!tail_.empty() && tail_.front()->header.base_offset < start) tail_.pop_front();
}

bool Partition::EvictOldest(Offset base) {
  absl::MutexLock lock(&mu_);
  if (tail_.empty() || tail_.front()->header.base_offset != base) return false;
  tail_.pop_front();
  return true;
}

void Partition::Erase(const OffsetRanges& ranges) {
  BlankTail(ranges, kErasedBlank);
  erasures_.fetch_add(1, std::memory_order_release);
}

void Partition::Compact(const OffsetRanges& ranges) { BlankTail(ranges, kCompactedBlank); }

void Partition::BlankTail(const OffsetRanges& ranges, absl::string_view blank) {
  std::deque<storage::BatchPtr> tail;
  {
    absl::MutexLock lock(&mu_);
    tail = tail_;
  }
  std::vector<std::pair<storage::BatchPtr, storage::BatchPtr>> changed;  // Old and new.
  for (const storage::BatchPtr& batch : tail) {
    absl::StatusOr<storage::BatchPtr> blanked = Blank(batch, ranges, blank);
    TM_CHECK(blanked.ok());  // It was checked when it came in, and has been in memory since.
    if (*blanked != batch) changed.emplace_back(batch, *std::move(blanked));
  }
  absl::MutexLock lock(&mu_);
  auto next = changed.begin();
  for (storage::BatchPtr& batch : tail_) {
    // What was evicted meanwhile is not found.
    while (next != changed.end() && next->first->header.base_offset < batch->header.base_offset) {
      ++next;
    }
    if (next != changed.end() && next->first == batch) batch = std::move(next->second);
  }
}

Partition::IndexState Partition::index_state() const {
  absl::MutexLock lock(&mu_);
  return {.open_begin = index_.begin(),
          .sealed_until = sealed_until_,
          .open_bytes = index_.bytes(),
          .unsealed = UnsealedLocked()};
}

uint64_t Partition::UnsealedLocked() const {
  const Offset known = std::max(sealed_until_, kept_.ends.start);
  return known < kept_.ends.end ? kept_.ends.end - known : 0;
}

void Partition::DropOpen() {
  absl::MutexLock lock(&mu_);
  index_.Clear(kept_.ends.end);
}

std::optional<Offset> Partition::SearchForward(const TermQuery& query, Offset from, Offset until,
                                               size_t matches_max,
                                               std::vector<OffsetSpan>& found) const {
  absl::MutexLock lock(&mu_);
  if (index_.begin() > from) return std::nullopt;
  return index_.SearchForward(query, from, until, matches_max, found);
}

std::optional<Offset> Partition::SearchBackward(const TermQuery& query, Offset from, Offset until,
                                                size_t matches_max,
                                                std::vector<OffsetSpan>& found) const {
  absl::MutexLock lock(&mu_);
  if (index_.begin() > from) return std::nullopt;
  return index_.SearchBackward(query, from, until, matches_max, found);
}

std::optional<Offset> Partition::WalkTypes(Offset from, Offset until,
                                           OpenIndex::TypeVisitor visit) const {
  absl::MutexLock lock(&mu_);
  if (index_.begin() > from) return std::nullopt;
  return index_.WalkTypes(from, until, visit);
}

void Partition::AddOpenInFront(std::vector<ReadTerms> batches) const {
  absl::MutexLock lock(&mu_);
  if (deleted_ || batches.empty() || batches.back().header.end_offset() != index_.begin()) return;
  for (; !batches.empty(); batches.pop_back()) {
    if (batches.back().header.base_offset < sealed_until_) break;
    index_.AddInFront(batches.back().header, std::move(batches.back().terms));
  }
}

void Partition::Sealed(Offset until) {
  absl::MutexLock lock(&mu_);
  sealed_until_ = std::max(sealed_until_, until);
  index_.DropBelow(std::min(until, index_.end()));
}

void Partition::MarkDeleted() {
  std::vector<Waiting> waiting;
  {
    absl::MutexLock lock(&mu_);
    deleted_ = true;
    tail_.clear();
    index_.Clear(kept_.ends.end);
    waiting.swap(waiting_);
  }
  Tell(waiting);
}

}  // namespace tidemark::log
