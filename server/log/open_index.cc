#include "server/log/open_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "server/base/check.h"

namespace tidemark::log {
namespace {

constexpr int64_t kBatchOverheadBytes = 48;  // Of the allocator and the deque.
constexpr int64_t kTypeOverheadBytes = 128;  // A place in types_ and in type_ids_.

// Compilers make vector instructions of the inner loop.
bool Contains(absl::Span<const uint64_t> hashes, uint64_t wanted) {
  constexpr size_t kLanes = 16;
  size_t i = 0;
  for (; i + kLanes <= hashes.size(); i += kLanes) {
    uint64_t found = 0;
    for (size_t k = 0; k < kLanes; ++k) found |= static_cast<uint64_t>(hashes[i + k] == wanted);
    if (found != 0) return true;
  }
  for (; i < hashes.size(); ++i) {
    if (hashes[i] == wanted) return true;
  }
  return false;
}

}  // namespace

bool MayHoldKey(absl::Span<const uint64_t> key_hashes, uint32_t count, uint64_t key_hash,
                uint64_t skip) {
  // Where every event has a key, the hashes are in the events' order.
  const bool in_order = key_hashes.size() == count && skip <= count;
  return Contains(in_order ? key_hashes.subspan(skip) : key_hashes, key_hash);
}

bool TermQuery::MatchesType(absl::string_view type) const {
  for (const std::string& wanted : types) {
    if (type == wanted) return true;
  }
  for (const std::string& prefix : prefixes) {
    if (absl::StartsWith(type, prefix)) return true;
  }
  return false;
}

int64_t OpenIndex::BytesOf(const Batch& batch) {
  return static_cast<int64_t>(sizeof(Batch) + 8 * batch.key_hashes.capacity() +
                              8 * batch.types.size()) +
         kBatchOverheadBytes;
}

void OpenIndex::Account(int64_t bytes) {
  bytes_ += bytes;
  if (budget_ == nullptr || bytes == 0) return;
  if (bytes > 0) {
    budget_->Add(bytes);
  } else {
    budget_->Remove(-bytes);
  }
}

OpenIndex::TypeId OpenIndex::Intern(absl::string_view type) {
  if (const auto it = type_ids_.find(type); it != type_ids_.end()) return it->second;
  auto id = static_cast<TypeId>(types_.size());
  if (free_types_.empty()) {
    types_.emplace_back();
  } else {
    id = free_types_.back();
    free_types_.pop_back();
  }
  types_[id].name = std::string(type);
  type_ids_.emplace(type, id);
  Account(kTypeOverheadBytes + 2 * static_cast<int64_t>(type.size()));
  return id;
}

OpenIndex::Batch OpenIndex::MakeBatch(const storage::BatchHeader& header, BatchTerms terms) {
  Batch batch{.base = header.base_offset,
              .count = header.count,
              .append_time_us = header.append_time_us,
              .key_hashes = std::move(terms.key_hashes),
              .unread = terms.unread};
  if (batch.key_hashes.capacity() > 2 * batch.key_hashes.size()) batch.key_hashes.shrink_to_fit();
  terms.types.ForEach([&](absl::string_view type, uint32_t count) {
    const TypeId id = Intern(type);
    ++types_[id].batches;
    batch.types.push_back({id, count});
  });
  Account(BytesOf(batch));
  return batch;
}

void OpenIndex::Add(const storage::BatchHeader& header, BatchTerms terms) {
  TM_CHECK_EQ(header.base_offset.value(), end().value());
  batches_.push_back(MakeBatch(header, std::move(terms)));
}

void OpenIndex::AddInFront(const storage::BatchHeader& header, BatchTerms terms) {
  TM_CHECK_EQ(header.end_offset().value(), begin_.value());
  batches_.push_front(MakeBatch(header, std::move(terms)));
  begin_ = header.base_offset;
}

void OpenIndex::Forget(const Batch& batch) {
  for (const TypeCount& entry : batch.types) {
    Type& type = types_[entry.type];
    if (--type.batches > 0) continue;
    Account(-kTypeOverheadBytes - 2 * static_cast<int64_t>(type.name.size()));
    type_ids_.erase(type.name);
    type.name = std::string();
    free_types_.push_back(entry.type);
  }
  Account(-BytesOf(batch));
}

void OpenIndex::DropBelow(Offset offset) {
  if (offset <= begin_) return;
  TM_CHECK_LE(offset.value(), end().value());
  while (!batches_.empty() && batches_.front().base < offset) {
    Forget(batches_.front());
    batches_.pop_front();
  }
  begin_ = offset;
  TM_CHECK(batches_.empty() || batches_.front().base == offset);
}

void OpenIndex::Clear(Offset begin) {
  batches_.clear();
  types_.clear();
  free_types_.clear();
  type_ids_.clear();
  Account(-bytes_);
  begin_ = begin;
}

size_t OpenIndex::IndexOf(Offset offset) const {
  const auto it = std::upper_bound(batches_.begin(), batches_.end(), offset,
                                   [](Offset at, const Batch& batch) { return at < batch.end(); });
  return static_cast<size_t>(it - batches_.begin());
}

OpenIndex::Prepared OpenIndex::Prepare(const TermQuery& query) const {
  Prepared prepared;
  if (query.by_keys()) {
    prepared.hashes.insert(query.key_hashes.begin(), query.key_hashes.end());
    return prepared;
  }
  prepared.types.resize(types_.size());
  for (const auto& [name, id] : type_ids_) prepared.types[id] = query.MatchesType(name);
  return prepared;
}

bool OpenIndex::Matches(const Batch& batch, const TermQuery& query,
                        const Prepared& prepared) const {
  if (batch.unread) return true;
  if (query.by_keys()) {
    if (query.key_hashes.size() == 1) return Contains(batch.key_hashes, query.key_hashes.front());
    return std::any_of(batch.key_hashes.begin(), batch.key_hashes.end(),
                       [&](uint64_t hash) { return prepared.hashes.contains(hash); });
  }
  return std::any_of(batch.types.begin(), batch.types.end(),
                     [&](const TypeCount& entry) { return prepared.types[entry.type]; });
}

Offset OpenIndex::SearchForward(const TermQuery& query, Offset from, Offset until,
                                size_t matches_max, std::vector<OffsetSpan>& found) const {
  TM_CHECK_LE(begin_.value(), from.value());
  const Prepared prepared = Prepare(query);
  size_t compared = 0;
  for (size_t i = IndexOf(from); i < batches_.size() && batches_[i].base < until; ++i) {
    const Batch& batch = batches_[i];
    if (found.size() >= matches_max || compared >= kStepEvents) return std::max(batch.base, from);
    compared += 1 + batch.key_hashes.size();
    if (!Matches(batch, query, prepared)) continue;
    found.push_back({std::max(batch.base, from), std::min(batch.end(), until)});
  }
  return until;
}

Offset OpenIndex::SearchBackward(const TermQuery& query, Offset from, Offset until,
                                 size_t matches_max, std::vector<OffsetSpan>& found) const {
  TM_CHECK_LE(begin_.value(), from.value());
  if (from >= until) return from;
  const Prepared prepared = Prepare(query);
  size_t compared = 0;
  // One past the batch that holds the offset before `until`.
  size_t i = std::min(IndexOf(Offset(until.value() - 1)) + 1, batches_.size());
  for (; i > 0 && batches_[i - 1].end() > from; --i) {
    const Batch& batch = batches_[i - 1];
    if (found.size() >= matches_max || compared >= kStepEvents) return std::min(batch.end(), until);
    compared += 1 + batch.key_hashes.size();
    if (!Matches(batch, query, prepared)) continue;
    found.push_back({std::max(batch.base, from), std::min(batch.end(), until)});
  }
  return from;
}

Offset OpenIndex::FindKey(uint64_t key_hash, Offset from, Offset until,
                          std::vector<OffsetSpan>& found) const {
  TM_CHECK_LE(begin_.value(), from.value());
  size_t compared = 0;
  for (size_t i = IndexOf(from); i < batches_.size() && batches_[i].base < until; ++i) {
    const Batch& batch = batches_[i];
    if (compared >= kStepEvents) return std::max(batch.base, from);
    compared += 1 + batch.key_hashes.size();
    const Offset first = std::max(batch.base, from);
    if (!batch.unread && !MayHoldKey(batch.key_hashes, batch.count, key_hash, first - batch.base)) {
      continue;
    }
    found.push_back({first, std::min(batch.end(), until)});
  }
  return until;
}

Offset OpenIndex::WalkTypes(Offset from, Offset until, TypeVisitor visit) const {
  TM_CHECK_LE(begin_.value(), from.value());
  size_t visited = 0;
  for (size_t i = IndexOf(from); i < batches_.size() && batches_[i].base < until; ++i) {
    const Batch& batch = batches_[i];
    if (visited >= kStepEvents / 16) return batch.base;
    visited += 1 + batch.types.size();
    if (batch.unread) visit("", batch.count, batch.base, batch.append_time_us);
    for (const TypeCount& entry : batch.types) {
      visit(types_[entry.type].name, entry.count, batch.base, batch.append_time_us);
    }
  }
  return until;
}

}  // namespace tidemark::log
