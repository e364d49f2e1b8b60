#include "client/cpp/src/delivery_queue.h"

#include <algorithm>

namespace tidemark::internal {
namespace {

// A grant is worth a message when this part of the window is free.
constexpr uint64_t kGrantPart = 4;

uint64_t Minus(uint64_t from, uint64_t amount) { return from - std::min(from, amount); }

AckBook::Partition PartitionOfBatch(const Batch& batch) {
  return {std::string(batch.topic()), batch.partition()};
}

}  // namespace

void DeliveryQueue::Push(Batch batch) {
  balance_.events = Minus(balance_.events, batch.size());
  balance_.bytes = Minus(balance_.bytes, batch.encoded_bytes());
  queued_.events += batch.size();
  queued_.bytes += batch.encoded_bytes();
  ++batches_;
  ++queued_batches_;
  const bool was_empty = items_.empty();
  items_.emplace_back(std::move(batch));
  if (was_empty) EnterFront();
}

void DeliveryQueue::EnterFront() {
  at_ = Batch::Iterator();
  if (items_.empty()) return;
  if (const auto* batch = std::get_if<Batch>(&items_.front())) {
    at_ = batch->begin();
    current_partition_ = PartitionOfBatch(*batch);
  }
}

void DeliveryQueue::Leave(const Batch& batch) {
  queued_.events = Minus(queued_.events, batch.size());
  queued_.bytes = Minus(queued_.bytes, batch.encoded_bytes());
  --queued_batches_;
}

void DeliveryQueue::Pop() {
  if (const auto* batch = std::get_if<Batch>(&items_.front())) {
    if (++at_ != batch->end()) return;
    Leave(*batch);
  }
  items_.pop_front();
  EnterFront();
}

void DeliveryQueue::Drop(const AckBook::Partition& partition) {
  const auto is_of_partition = [&](const Item& item) {
    if (const auto* gap = std::get_if<Gap>(&item)) {
      return gap->topic == partition.first && gap->partition == partition.second;
    }
    const auto* batch = std::get_if<Batch>(&item);
    if (batch == nullptr || PartitionOfBatch(*batch) != partition) return false;
    Leave(*batch);
    return true;
  };
  const bool front_goes = !items_.empty() && is_of_partition(items_.front());
  if (front_goes) items_.pop_front();
  const auto keep_from = items_.begin() + (front_goes || items_.empty() ? 0 : 1);
  items_.erase(std::remove_if(keep_from, items_.end(), is_of_partition), items_.end());
  if (front_goes) EnterFront();
}

void DeliveryQueue::Clear() {
  items_.clear();
  queued_ = {};
  queued_batches_ = 0;
  EnterFront();
}

std::optional<DeliveryQueue::Credits> DeliveryQueue::TakeGrant() {
  const Credits grant{Minus(window_.events, balance_.events + queued_.events),
                      Minus(window_.bytes, balance_.bytes + queued_.bytes)};
  if (grant.events * kGrantPart < window_.events && grant.bytes * kGrantPart < window_.bytes) {
    return std::nullopt;
  }
  balance_.events += grant.events;
  balance_.bytes += grant.bytes;
  return grant;
}

}  // namespace tidemark::internal
