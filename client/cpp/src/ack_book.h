// AckBook: what a consumer owns, has handled, and has acknowledged, on one connection.
//
// Terms.    handled: one past the newest event whose handler succeeded. dirty: handled further than
//           acknowledged. unconfirmed: acknowledged, and the server has not said that it is
//           durable.
// Invariant. Offsets of a partition only grow. Partitions that are not owned are not acknowledged.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_ACK_BOOK_H_
#define TIDEMARK_CLIENT_SRC_ACK_BOOK_H_

#include <cstdint>
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

  // An event of an owned partition is done.
  void Handled(const Partition& partition, uint64_t offset, absl::Time now);

  uint64_t dirty_events() const { return dirty_events_; }
  // When the first event since the last TakeAcks was handled; never, if there is none.
  absl::Time dirty_since() const { return dirty_since_; }

  // What is to be acknowledged now; it is unconfirmed then.
  std::vector<TopicPartitionOffset> TakeAcks();
  void Confirm(const TopicPartitionOffset& committed);
  // An acknowledgement had no effect: the partition is another's.
  void Reject(const TopicPartitionOffset& ack);

  bool all_confirmed() const { return unconfirmed_.empty() && dirty_events_ == 0; }

 private:
  struct Progress {
    uint64_t handled = 0;
    uint64_t acked = 0;
  };

  std::map<Partition, Progress> owned_;
  std::map<Partition, uint64_t> unconfirmed_;
  uint64_t dirty_events_ = 0;
  absl::Time dirty_since_ = absl::InfiniteFuture();
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_ACK_BOOK_H_
