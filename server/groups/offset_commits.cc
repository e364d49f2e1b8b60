#include "server/groups/offset_commits.h"

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
  written_ = std::exchange(unwritten_, {});
  current_ = std::exchange(next_, {});
  std::vector<log::OffsetWrite> writes;
  writes.reserve(written_.size());
  for (const auto& [log, offset] : written_) writes.push_back({group, log, offset});
  return writes;
}

void OffsetCommits::EndWrite(const absl::Status& status) {
  TM_CHECK(writing_);
  writing_ = false;
  if (absl::IsResourceExhausted(status)) {
    queue_was_full_ = true;
    unwritten_.insert(written_.begin(), written_.end());  // Keeps what was set since.
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
  for (const auto& [log, offset] : written_) {
    const auto it = offsets_.find(log);
    if (it == offsets_.end()) continue;  // Forgotten meanwhile.
    it->second.durable = offset;
    if (!unwritten_.contains(log)) it->second.newest.reset();
  }
  for (Waiting& waiting : std::exchange(current_, {})) {
    ready_.push_back({std::move(waiting), absl::OkStatus()});
  }
}

void OffsetCommits::WriteFailed(const absl::Status& status) {
  for (const auto& [log, offset] : written_) {
    const auto it = offsets_.find(log);
    if (it != offsets_.end() && !unwritten_.contains(log)) it->second.newest.reset();
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
