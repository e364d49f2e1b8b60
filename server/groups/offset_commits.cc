#include "server/groups/offset_commits.h"

#include <algorithm>
#include <iterator>

#include "server/base/check.h"

namespace tidemark::groups {

std::optional<Offset> OffsetCommits::Durable(LogId log) const {
  const auto it = offsets_.find(log);
  return it == offsets_.end() ? std::nullopt : it->second.durable;
}

std::optional<Offset> OffsetCommits::Newest(LogId log) const {
  const auto it = offsets_.find(log);
  if (it == offsets_.end()) return std::nullopt;
  return it->second.newest.has_value() ? it->second.newest : it->second.durable;
}

void OffsetCommits::Set(LogId log, Offset offset) {
  offsets_[log].newest = offset;
  unwritten_[log] = offset;
}

uint64_t OffsetCommits::Put(LogId log, Offset offset) {
  State& state = offsets_[log];
  state.newest = offset;
  ++state.puts;
  // Who waits for the next write is not told before it; it must not write what is older.
  if (const auto it = unwritten_.find(log); it != unwritten_.end()) it->second = offset;
  if (const auto it = written_.find(log); it != written_.end() && !revised_) {
    it->second.outdated = true;
  }
  return ++order_;
}

void OffsetCommits::EndPut(LogId log, Offset offset, uint64_t order, bool committed) {
  const auto it = offsets_.find(log);
  if (it == offsets_.end()) return;  // Forgotten meanwhile.
  if (it->second.puts > 0) --it->second.puts;
  if (committed) BecomesDurable(it->second, offset, order);
  SettleNewest(log, it->second);
}

void OffsetCommits::BecomesDurable(State& state, Offset offset, uint64_t order) {
  if (order < state.durable_order) return;
  state.durable = offset;
  state.durable_order = order;
}

void OffsetCommits::SettleNewest(LogId log, State& state) {
  if (state.puts == 0 && !unwritten_.contains(log) && !written_.contains(log)) state.newest.reset();
}

void OffsetCommits::Revise(std::vector<log::OffsetWrite>& writes) {
  revised_ = true;
  std::erase_if(writes, [this](const log::OffsetWrite& write) {
    Written& written = written_.at(write.log);
    written.order = ++order_;
    return written.outdated;
  });
}

void OffsetCommits::Forget(LogId log) {
  offsets_.erase(log);
  unwritten_.erase(log);
}

void OffsetCommits::WhenDurable(Waiting waiting) {
  if (!unwritten_.empty()) {
    next_.push_back(std::move(waiting));
  } else if (writing_) {
    current_.push_back(std::move(waiting));
  } else {
    ready_.push_back({std::move(waiting), absl::OkStatus()});
  }
}

std::vector<log::OffsetWrite> OffsetCommits::BeginWrite(storage::GroupId group) {
  if (writing_ || queue_was_full_) return {};
  TM_CHECK(current_.empty());
  if (unwritten_.empty()) {  // What they waited for was forgotten.
    for (Waiting& waiting : std::exchange(next_, {})) {
      ready_.push_back({std::move(waiting), absl::OkStatus()});
    }
    return {};
  }
  writing_ = true;
  revised_ = false;
  for (const auto& [log, offset] : std::exchange(unwritten_, {}))
    written_[log] = {.offset = offset};
  current_ = std::exchange(next_, {});
  std::vector<log::OffsetWrite> writes;
  writes.reserve(written_.size());
  for (const auto& [log, written] : written_) writes.push_back({group, log, written.offset});
  return writes;
}

log::Haste OffsetCommits::haste() const {
  const bool only_acks = std::all_of(current_.begin(), current_.end(), [](const Waiting& waiting) {
    return std::holds_alternative<PendingAck>(waiting);
  });
  return only_acks ? log::Haste::kPatient : log::Haste::kNow;
}

void OffsetCommits::EndWrite(const absl::Status& status) {
  TM_CHECK(writing_);
  writing_ = false;
  if (absl::IsResourceExhausted(status)) {
    queue_was_full_ = true;
    for (const auto& [log, written] : written_) {
      // Keeps what was set since. Outdated ones too: who waits is told after the transaction's end.
      const std::optional<Offset> newest = written.outdated ? Newest(log) : std::nullopt;
      unwritten_.emplace(log, newest.value_or(written.offset));
    }
    written_.clear();
    current_.insert(current_.end(), std::move_iterator(next_.begin()),
                    std::move_iterator(next_.end()));
    next_ = std::exchange(current_, {});
  } else if (status.ok()) {
    WriteSucceeded();
  } else {
    WriteFailed(status);
  }
  written_.clear();
}

void OffsetCommits::WriteSucceeded() {
  for (const auto& [log, written] : std::exchange(written_, {})) {
    const auto it = offsets_.find(log);
    if (it == offsets_.end()) continue;  // Forgotten meanwhile.
    if (!written.outdated) {
      BecomesDurable(it->second, written.offset, revised_ ? written.order : ++order_);
    }
    SettleNewest(log, it->second);
  }
  for (Waiting& waiting : std::exchange(current_, {})) {
    ready_.push_back({std::move(waiting), absl::OkStatus()});
  }
}

void OffsetCommits::WriteFailed(const absl::Status& status) {
  for (const auto& [log, written] : std::exchange(written_, {})) {
    if (const auto it = offsets_.find(log); it != offsets_.end()) SettleNewest(log, it->second);
  }
  for (Waiting& waiting : std::exchange(current_, {})) {
    ready_.push_back({std::move(waiting), status});
  }
}

void OffsetCommits::Abandon(const absl::Status& status) {
  TM_CHECK(!writing_);
  for (const auto& [log, offset] : unwritten_) offsets_[log].newest.reset();
  unwritten_.clear();
  for (Waiting& waiting : std::exchange(next_, {})) {
    ready_.push_back({std::move(waiting), status});
  }
}

}  // namespace tidemark::groups
