// DeliveryQueue: what a consumer was given and has not handled yet, in the order of arrival, and
// the credits that keep it bounded.
//
// Terms.    balance: how much the server may still send, counted as it counts: each event takes one
//           and its encoded bytes, never below zero.
// Invariant. balance + what is queued stays within the window given at construction, but for one
//           event that is larger than all of it.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_DELIVERY_QUEUE_H_
#define TIDEMARK_CLIENT_SRC_DELIVERY_QUEUE_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>

#include "client/cpp/src/ack_book.h"
#include "tidemark/stream.h"

namespace tidemark::internal {

class DeliveryQueue {
 public:
  struct Credits {
    uint64_t events = 0;
    uint64_t bytes = 0;
  };
  // The note that everything stored was delivered, and how many assignments came before it.
  struct CaughtUpMark {
    uint64_t assignments;
  };
  using Item = std::variant<Batch, Gap, CaughtUpMark>;

  explicit DeliveryQueue(Credits window) : window_(window), balance_(window) {}

  void Push(Batch batch);
  void Push(Gap gap) { items_.emplace_back(std::move(gap)); }
  void Push(CaughtUpMark mark) { items_.emplace_back(mark); }

  bool empty() const { return items_.empty(); }
  // Requires !empty(). Of a batch: its next event is current().
  const Item& front() const { return items_.front(); }
  // How many batches came so far, and which of them the first in the queue is: 1 is the first of
  // all. Only as long as nothing is dropped.
  uint64_t batches() const { return batches_; }
  uint64_t first_batch() const { return batches_ - queued_batches_ + 1; }
  const ReceivedEvent& current() const { return *at_; }
  const AckBook::Partition& current_partition() const { return current_partition_; }
  // Passes the current event; for other items than batches: the item.
  void Pop();

  // Drops what is queued of a partition.
  void Drop(const AckBook::Partition& partition);
  void Clear();

  // What to grant so that the server can go on; nullopt: not worth a message yet.
  std::optional<Credits> TakeGrant();
  // True: more is queued than the window allows; do not read on.
  bool overfull() const { return queued_.bytes >= 2 * window_.bytes + kSlackBytes; }

 private:
  static constexpr uint64_t kSlackBytes = 1 << 20;

  void EnterFront();
  void Leave(const Batch& batch);

  const Credits window_;
  Credits balance_;
  uint64_t batches_ = 0;
  uint64_t queued_batches_ = 0;
  Credits queued_;  // Whole batches: one is queued until its last event is passed.
  std::deque<Item> items_;
  Batch::Iterator at_;  // Within the front, if that is a batch.
  AckBook::Partition current_partition_;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_DELIVERY_QUEUE_H_
