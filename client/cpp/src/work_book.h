// WorkBook: what a member of a KEY_ORDERED or UNORDERED group holds on one connection, how long it
// may, and what it has yet to say of it.
//
// Terms.    held: delivered, its lease not over by our clock, and nothing said of it. An event's
//           lease begins, for us, when it arrives or when its extension is sent: never later than
//           for the server. delivery: a number that grows. An event that was given back may come
//           again before we are through with its first delivery: then the later one is held.
// Invariant. Nothing is acknowledged that is not held.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_WORK_BOOK_H_
#define TIDEMARK_CLIENT_SRC_WORK_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "client/cpp/src/ack_book.h"

namespace tidemark::internal {

class WorkBook {
 public:
  using Partition = AckBook::Partition;
  // Events, by partition.
  using Events = std::map<Partition, std::vector<uint64_t>>;

  void SetLease(absl::Duration lease) { lease_ = lease; }
  absl::Duration lease() const { return lease_; }

  void Receive(const Partition& partition, uint64_t offset, uint64_t delivery, absl::Time now);
  bool Holds(const Partition& partition, uint64_t offset, uint64_t delivery, absl::Time now) const;
  // Its handler succeeded: to be acknowledged, if it is still held.
  void Done(const Partition& partition, uint64_t offset, absl::Time now);
  // It is somebody else's again, or soon; unless a later delivery is held.
  void Forget(const Partition& partition, uint64_t offset, uint64_t delivery = UINT64_MAX);

  uint64_t dirty_events() const { return dirty_events_; }
  // When the first event since the last TakeAcks was done; never, if there is none.
  absl::Time dirty_since() const { return dirty_since_; }
  // What is to be acknowledged now, at most `max` events.
  Events TakeAcks(size_t max);

  // When TakeExtensions has something.
  absl::Time extend_at() const;
  // What is held and has half of its lease behind it, at most `max` events; its lease begins anew.
  Events TakeExtensions(size_t max, absl::Time now);

  // An acknowledgement or a negative one is on its way; one more is answered.
  void Sent() { ++unanswered_; }
  void Answered() { unanswered_ -= unanswered_ > 0 ? 1 : 0; }
  bool all_confirmed() const { return unanswered_ == 0 && dirty_events_ == 0; }

 private:
  struct Turn {
    absl::Time until;
    Partition partition;
    uint64_t offset;
  };

  struct Held {
    absl::Time until;
    uint64_t delivery = 0;
  };

  absl::Duration lease_ = absl::InfiniteDuration();
  std::map<Partition, absl::flat_hash_map<uint64_t, Held>> held_;  // By offset.
  // By rising `until`; those whose `until` is not the held one's are over.
  std::deque<Turn> turns_;
  Events done_;
  uint64_t dirty_events_ = 0;
  absl::Time dirty_since_ = absl::InfiniteFuture();
  uint64_t unanswered_ = 0;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_WORK_BOOK_H_
