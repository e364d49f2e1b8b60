#include "server/log/producer_window.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/seeded_fault.h"

namespace tidemark::log {
namespace {

absl::Status OtherContent(const ProducerSequence& producer) {
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("producer \"", producer.id, "\" stored sequence ", producer.sequence,
                   " with other events; a retry must repeat the request unchanged"),
      {.reason = "PRODUCER_SEQUENCE_REUSED",
       .metadata = {{"producer_id", producer.id}, {"sequence", std::to_string(producer.sequence)}},
       .fields = {{"producer.sequence", "was stored with other events"}}});
}

absl::Status SequenceGap(const ProducerSequence& producer, uint64_t expected) {
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat("producer \"", producer.id, "\": sequence ", producer.sequence,
                                " is not the next one, ", expected),
                   {.reason = "PRODUCER_SEQUENCE_GAP",
                    .metadata = {{"producer_id", producer.id},
                                 {"sequence", std::to_string(producer.sequence)},
                                 {"expected_sequence", std::to_string(expected)}},
                    .preconditions = {{"PRODUCER_SEQUENCE", absl::StrCat("producers/", producer.id),
                                       absl::StrCat("the next sequence is ", expected)}}});
}

}  // namespace

absl::StatusOr<std::optional<storage::ProducerRecord>> ProducerWindow::Check(
    const ProducerSequence& producer, uint32_t fingerprint) {
  if (TM_SEEDED_FAULT("no_producer_check")) return std::nullopt;
  absl::StatusOr<std::optional<uint64_t>> newest = NewestOf(producer.id);
  if (!newest.ok()) return newest.status();
  if (!newest->has_value() || producer.sequence == **newest + 1) return std::nullopt;
  if (producer.sequence > **newest) return SequenceGap(producer, **newest + 1);
  absl::StatusOr<std::optional<storage::ProducerRecord>> stored = Find(producer);
  if (!stored.ok()) return stored.status();
  // Below the first sequence this producer ever used.
  if (!stored->has_value()) return SequenceGap(producer, **newest + 1);
  if ((*stored)->fingerprint != fingerprint) return OtherContent(producer);
  return *stored;
}

absl::StatusOr<std::optional<storage::ProducerRecord>> ProducerWindow::Find(
    const ProducerSequence& producer) {
  const Pair pair(producer.id, producer.sequence);
  for (const Pairs* pairs : {&preparing_, &committing_}) {
    if (const auto it = pairs->find(pair); it != pairs->end()) return it->second;
  }
  return store_.ReadProducer(producer.id, producer.sequence);
}

absl::StatusOr<std::optional<uint64_t>> ProducerWindow::NewestOf(const std::string& id) {
  if (const auto it = newest_.find(id); it != newest_.end()) {
    uses_.splice(uses_.begin(), uses_, it->second);
    return it->second->sequence;
  }
  absl::StatusOr<std::optional<uint64_t>> stored = store_.ReadLastSequence(id);
  if (!stored.ok()) return stored.status();
  Touch(id, *stored);
  return *stored;
}

void ProducerWindow::Touch(const std::string& id, std::optional<uint64_t> sequence) {
  if (const auto it = newest_.find(id); it != newest_.end()) {
    it->second->sequence = sequence;
    uses_.splice(uses_.begin(), uses_, it->second);
    return;
  }
  uses_.push_front({.id = id, .sequence = sequence});
  newest_[uses_.front().id] = uses_.begin();
}

void ProducerWindow::Add(const ProducerSequence& producer, const storage::ProducerRecord& record) {
  preparing_[Pair(producer.id, producer.sequence)] = record;
  Touch(producer.id, producer.sequence);
}

void ProducerWindow::EndGroup() {
  committing_ = std::exchange(preparing_, {});
  absl::flat_hash_set<absl::string_view> not_stored_yet;
  for (const auto& [pair, record] : committing_) not_stored_yet.insert(pair.first);
  // From the longest unused on; what the store cannot tell yet stays.
  for (auto it = uses_.end(); newest_.size() > producers_max_ && it != uses_.begin();) {
    --it;
    if (not_stored_yet.contains(it->id)) continue;
    newest_.erase(it->id);
    it = uses_.erase(it);
  }
}

}  // namespace tidemark::log
