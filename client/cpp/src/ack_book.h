// AckBook: what a consumer owns, has handled, and has acknowledged, on one connection.
//
// Terms.    handled: one past the newest event whose handler succeeded, and all before it. dirty:
//           handled further than acknowledged. unconfirmed: acknowledged, and the server has not
//           said that it is durable; it answers each TakeAcks, in order. Begun: its handler may
//           run, and later ones of the partition may be through before it.
// Invariant. Offsets of a partition only grow. Partitions that are not owned are not acknowledged.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_ACK_BOOK_H_
#define TIDEMARK_CLIENT_SRC_ACK_BOOK_H_

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tidemark/admin.h"

namespace tidemark::internal {

class AckBook {
 public:
  using Partition = std::pair<std::string, uint32_t>;

  void Assign(const TopicPartitionOffset& from);
  // Forgets a partition; where it was: the offset that the next owner needs not read again.
  std::optional<TopicPartitionOffset> Drop(const Partition& partition);
  bool Owns(const Partition& partition) const { return owned_.count(partition) != 0; }

  // An event of an owned partition is done, and so are all before it.
  void Handled(const Partition& partition, uint64_t offset, absl::Time now);
  // The same out of order: events begin by rising offsets, and count once none before them is open.
  // Finish of what is not begun, as before the partition went away and came back, has no effect.
  void Begin(const Partition& partition, uint64_t offset);
  void Finish(const Partition& partition, uint64_t offset, absl::Time now);

  uint64_t dirty_events() const { return dirty_events_; }
  // When the first event since the last TakeAcks was handled; never, if there is none.
  absl::Time dirty_since() const { return dirty_since_; }

  // What is to be acknowledged now; it is unconfirmed then, until it is answered.
  std::vector<TopicPartitionOffset> TakeAcks();
  // The answer to the oldest TakeAcks that was not empty and is not answered; its parts follow.
  void Answered() { ++answered_; }
  void Confirm(const TopicPartitionOffset& committed);
  // An acknowledgement had no effect: the partition is another's, and forgotten. False: the
  // acknowledgement was of before the partition was assigned again, which stays.
  bool Reject(const TopicPartitionOffset& ack);

  bool all_confirmed() const { return unconfirmed_.empty() && dirty_events_ == 0; }

 private:
  struct Progress {
    uint64_t handled = 0;
    uint64_t acked = 0;
    uint64_t sent_before = 0;                     // sent_ when it was assigned.
    std::deque<std::pair<uint64_t, bool>> begun;  // Offsets, by rising ones, and whether finished.
  };

  std::map<Partition, Progress> owned_;
  std::map<Partition, uint64_t> unconfirmed_;  // Number of the newest TakeAcks with it.
  uint64_t sent_ = 0;                          // TakeAcks that were not empty.
  uint64_t answered_ = 0;                      // Of them.
  uint64_t dirty_events_ = 0;
  absl::Time dirty_since_ = absl::InfiniteFuture();
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_ACK_BOOK_H_
