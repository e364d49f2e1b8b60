// Which partitions a work queue knows, and where it begins in them.
#include <algorithm>
#include <utility>

#include "absl/functional/function_ref.h"
#include "server/groups/dead_letters.h"
#include "server/groups/live_work.h"
#include "server/groups/topic_names.h"
#include "server/storage/key_schema.h"

namespace tidemark::groups {
namespace {

// Rows that are read at once.
constexpr size_t kRowsMax = 1000;

using Rows = std::vector<std::pair<std::string, std::string>>;

// All rows that begin with `prefix`, a page at a time.
absl::Status ForRows(
    const storage::Store& store, const std::string& prefix,
    absl::FunctionRef<absl::Status(const storage::GroupRowKeyParts& key, const std::string& value)>
        visit) {
  const std::string end = storage::PrefixEnd(prefix);
  std::string from = prefix;
  while (true) {
    const absl::StatusOr<Rows> rows = store.ReadGroupRows(from, end, kRowsMax);
    if (!rows.ok()) return rows.status();
    for (const auto& [key, value] : *rows) {
      storage::GroupRowKeyParts parts;
      if (!storage::ParseGroupRowKey(key, parts)) return absl::DataLossError("damaged group row");
      if (absl::Status status = visit(parts, value); !status.ok()) return status;
    }
    if (rows->size() < kRowsMax) return absl::OkStatus();
    from = rows->back().first + '\0';
  }
}

}  // namespace

absl::Status LiveWork::RemoveStrayRows() {
  for (const std::string& rows :
       {storage::WorkBlocksPrefix(group_), storage::DeadLettersPrefix(group_)}) {
    const std::string end = storage::PrefixEnd(rows);
    std::string from = rows;
    while (true) {  // From the first row of one log to that of the next.
      const absl::StatusOr<Rows> first = context_->log.store().ReadGroupRows(from, end, 1);
      if (!first.ok()) return first.status();
      if (first->empty()) break;
      storage::GroupRowKeyParts parts;
      if (!storage::ParseGroupRowKey(first->front().first, parts)) {
        return absl::DataLossError("damaged group row");
      }
      const bool letters = first->front().first[0] == storage::kDeadLetterPrefix;
      const std::string prefix = letters ? storage::DeadLettersPrefix(group_, parts.log)
                                         : storage::WorkBlocksPrefix(group_, parts.log);
      from = storage::PrefixEnd(prefix);
      if (context_->log.catalog().FindByLog(parts.log) != nullptr) continue;
      std::vector<log::GroupRowChange> gone = {{.key = prefix, .value = {}, .until = from}};
      if (letters) {
        gone.push_back({.key = storage::DeadLetterMarkKey(parts.log, group_), .value = {}});
      }
      // Nobody waits for it: what is not removed now is so at the next start.
      context_->log.CommitGroupState({}, std::move(gone), [](absl::Status) {});
    }
  }
  return absl::OkStatus();
}

bool LiveWork::HasTopic(const log::Topic& topic) const {
  absl::MutexLock lock(&mu_);
  return topic.partitions() == 0 || queue_.HasPartition(topic.log(PartitionIndex(0)));
}

bool LiveWork::HasLeftovers() const {
  absl::MutexLock lock(&mu_);
  return queue_.has_leftovers();
}

bool LiveWork::HasPartition(LogId log) const {
  absl::MutexLock lock(&mu_);
  return queue_.HasPartition(log);
}

absl::Status LiveWork::AddTopic(const LoadedTopic& topic,
                                const std::vector<std::pair<LogId, Offset>>& committed) {
  const storage::Store& store = context_->log.store();
  absl::ReleasableMutexLock letters_lock(&letters_mu_);
  if (HasLeftovers()) {  // Of partitions that it had before, perhaps these.
    if (absl::Status written = Change([](WorkQueue&, uint64_t) {}); !written.ok()) return written;
  }
  for (uint32_t p = 0; p < topic.partitions.size(); ++p) {
    const LogId log = topic.topic->log(PartitionIndex(p));
    // Nobody writes rows of a partition before it is added, so these are not outdated.
    RestoredWork restored;
    absl::Status status = ForRows(store, storage::WorkBlocksPrefix(group_, log),
                                  [&](const storage::GroupRowKeyParts& key, const auto& value) {
                                    auto block = storage::DecodeWorkBlock(value);
                                    if (block.ok()) restored.Add(key.number, *block);
                                    return block.status();
                                  });
    if (!status.ok()) return status;
    std::vector<std::pair<Offset, storage::DeadLetter>> letters;
    status = ForRows(store, storage::DeadLettersPrefix(group_, log),
                     [&](const storage::GroupRowKeyParts& key, const auto& value) {
                       auto letter = storage::DecodeDeadLetter(value);
                       if (!letter.ok()) return letter.status();
                       // Read again when it is needed.
                       if (!letter->redrive.has_value()) letter->event.reset();
                       letters.emplace_back(Offset(key.number), *std::move(letter));
                       return absl::OkStatus();
                     });
    if (!status.ok()) return status;
    std::optional<Offset> offset;
    for (const auto& [of, at] : committed) {
      if (of == log) offset = at;
    }
    absl::MutexLock lock(&mu_);
    if (queue_.HasPartition(log)) continue;
    queue_.AddPartition(topic.topic, PartitionIndex(p), offset, std::move(restored));
    for (const auto& [at, letter] : letters) queue_.AddDeadLetter(log, at, letter, NowUs());
    partitions_[log] = {topic.topic, PartitionIndex(p), topic.partitions[p]};
    source_changes_.push_back({log, queue_.ReadFrom(log)});
    topics_[topic.topic->name()] = topic.topic;
    woken_ = true;
    SettleLocked();
  }
  letters_lock.Release();
  Drain();
  return absl::OkStatus();
}

void LiveWork::ForgetTopicLocked(const log::Topic& topic, bool keep_rows) {
  for (uint32_t p = 0; p < topic.partitions(); ++p) {
    const LogId log = topic.log(PartitionIndex(p));
    if (partitions_.erase(log) == 0) continue;
    queue_.RemovePartition(log, keep_rows);
    source_changes_.push_back({log, std::nullopt});
    full_.erase(log);
  }
  const auto it = topics_.find(topic.name());
  if (it != topics_.end() && it->second->id() == topic.id()) topics_.erase(it);
}

void LiveWork::RemoveTopic(const log::Topic& topic) {
  {
    absl::MutexLock lock(&mu_);
    ForgetTopicLocked(topic, /*keep_rows=*/false);
    wanted_write_ = next_write_;
    SettleLocked();
  }
  Drain();
}

void LiveWork::Update(const storage::GroupRecord& record) {
  {
    absl::MutexLock lock(&mu_);
    queue_.SetRetry(record.retry);
    // By what the group is to read, not by what it had then: a topic of the new ones may have been
    // added before this is called.
    std::vector<log::TopicPtr> dropped;
    for (const auto& [name, topic] : topics_) {
      if (!Reads(record.topics, name)) dropped.push_back(topic);
    }
    for (const log::TopicPtr& topic : dropped) ForgetTopicLocked(*topic, /*keep_rows=*/true);
    if (record.filter != filter_) {
      filter_ = record.filter;
      new_filter_ = true;
      for (const auto& [log, partition] : partitions_) {
        if (!full_.contains(log)) source_changes_.push_back({log, queue_.ReadFrom(log)});
      }
    }
    woken_ = true;
    SettleLocked();
  }
  Drain();
}

void LiveWork::Rewind(std::vector<std::pair<LogId, Offset>> offsets, log::DoneCallback done) {
  context_->disk.Schedule(
      [self = shared_from_this(), offsets = std::move(offsets), done = std::move(done)]() mutable {
        self->RewindOnDisk(offsets, std::move(done));
      });
}

void LiveWork::RewindOnDisk(const std::vector<std::pair<LogId, Offset>>& offsets,
                            log::DoneCallback done) {
  absl::MutexLock letters_lock(&letters_mu_);
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [log, offset] : offsets) queue_.PrepareRewind(log);
  }
  std::vector<std::vector<Offset>> letters(offsets.size());
  for (size_t i = 0; i < offsets.size(); ++i) {
    const auto& [log, from] = offsets[i];
    const absl::Status status =
        ForLetters(context_->log.store(), group_, log, from, [&](Offset at, storage::DeadLetter) {
          letters[i].push_back(at);
          return true;
        });
    if (!status.ok()) return std::move(done)(status);
  }
  {
    absl::MutexLock lock(&mu_);
    for (size_t i = 0; i < offsets.size(); ++i) {
      const auto& [log, offset] = offsets[i];
      if (!queue_.HasPartition(log)) continue;
      queue_.Rewind(log, offset, letters[i]);
      source_changes_.push_back({log, std::nullopt});
      source_changes_.push_back({log, offset});
      full_.erase(log);
      woken_ = true;
    }
    AnswerLocked({.answer = std::move(done)});
    SettleLocked();
  }
  Drain();
}

}  // namespace tidemark::groups
