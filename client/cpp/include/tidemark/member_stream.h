// MemberStream: one group member's stream as it is: the raw mode beside Consumer.
//
// Terms.    As in consumer.h. item: what the server says. credits: how much it may still deliver;
//           each delivered event takes one, and its encoded bytes.
// Yours.    What Consumer does by itself is left to the caller: granting credits, acknowledging,
//           giving back what is revoked before its deadline, extending leases, joining again after
//           a failure, and not to handle what is no longer this member's.
// Order.    Items come in the order in which the server sent them, requests go in the order of the
//           calls. Ack, Nack and Extend are each answered by one item of their kind, in their
//           order.
// Threads.  One at a time, but for Wake: from any.
// Failure.  Next answers it, and every later Next the same; what is sent after that is dropped.
// Lifetime. Destroying it without Leave is a crash to the group: what was delivered is delivered
//           again, and in KEY_ORDERED and UNORDERED counts as an attempt.
//
//   tidemark::MemberStream member(client, {.group = "payroll", .topics = {"hr"}});
//   while (true) {
//     absl::StatusOr<std::optional<tidemark::MemberItem>> item = member.Next(absl::Seconds(1));
//     if (!item.ok()) return item.status();
//     if (!item->has_value()) continue;  // Nothing in time, or Wake.
//     if (const auto* batch = std::get_if<tidemark::Batch>(&**item)) {
//       for (const tidemark::ReceivedEvent& e : *batch) Handle(e);
//       member.AckUpTo({{std::string(batch->topic()), batch->partition(),
//                        batch->last_offset() + 1}});
//       member.AddCredits(batch->size(), batch->encoded_bytes());
//     }
//   }
#ifndef TIDEMARK_MEMBER_STREAM_H_
#define TIDEMARK_MEMBER_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/stream.h"

namespace tidemark {

struct MemberOptions {
  // As in ConsumerOptions.
  std::string group{};
  std::vector<std::string> topics{};
  Filter filter{};
  GroupMode mode = GroupMode::kUnspecified;
  Start start{};
  std::optional<RetryPolicy> retry{};
  std::string client_name{};
  // What may be delivered at first.
  uint64_t credit_events = 10'000;
  uint64_t credit_bytes = 8 << 20;
  // KEY_ORDERED, UNORDERED: stored batches that the server may send together, 1 to 1000.
  uint32_t deliveries_max = 100;
  // A stream that is silent for so long is given up (UNAVAILABLE); heartbeats come more often.
  absl::Duration silence_max = absl::Seconds(31);
};

struct TopicPartition {
  std::string topic;
  uint32_t partition = 0;
};

// The first item.
struct MemberJoined {
  std::string member_id;
  GroupConfig group;
  bool created = false;  // This Join made the group.
};

// PARTITION_ORDERED: these partitions are this member's now, and go on at these offsets.
struct PartitionsAssigned {
  std::vector<TopicPartitionOffset> partitions;
  uint64_t assignment = 0;  // For OffsetCommit.
};

// These are not, once acknowledged, released, or when `deadline` (by the server's clock) has
// passed.
struct PartitionsRevoked {
  std::vector<TopicPartition> partitions;
  absl::Time deadline;
  uint64_t revocation = 0;  // For Release.
};

// What an Ack, Nack or Extend did nothing for.
struct EventRejected {
  EventId event;       // After AckUpTo its offset is what was acknowledged.
  std::string reason;  // FENCED: no longer this member's. Others: a mistake of the caller's.
};

// Answers to requests; what they confirm is durable, but for leases.
struct AckConfirmed {
  std::vector<TopicPartitionOffset> committed;  // After AckUpTo.
  uint64_t acked_events = 0;                    // After Ack.
  std::vector<EventRejected> rejected;
};
struct NackConfirmed {
  uint64_t retried = 0;
  uint64_t dead_letters = 0;
  std::vector<EventRejected> rejected;
};
struct ExtendConfirmed {
  uint64_t extended = 0;
  std::vector<EventRejected> rejected;
};

// The server stops: it confirms what was sent, then the stream ends (UNAVAILABLE).
struct ServerDraining {};

// After Leave: everything is confirmed, and nothing more comes. The last item.
struct MemberLeft {};

using MemberItem =
    std::variant<MemberJoined, PartitionsAssigned, PartitionsRevoked, Batch, AckConfirmed,
                 NackConfirmed, ExtendConfirmed, CaughtUp, Gap, ServerDraining, MemberLeft>;

class MemberStream {
 public:
  // Joins; the first Next waits for that.
  MemberStream(const Client& client, MemberOptions options);
  ~MemberStream();
  MemberStream(const MemberStream&) = delete;
  MemberStream& operator=(const MemberStream&) = delete;

  // The next item; waits at most `timeout` (zero: only looks), and sends meanwhile what was asked
  // for. No item: nothing came in time, or Wake was called.
  // INVALID_ARGUMENT     the options, or a request, are not what the server takes; it says what.
  // NOT_FOUND            a topic does not exist.
  // FAILED_PRECONDITION  the group exists and reads something else; or MemberLeft was given before.
  // UNAVAILABLE          the connection is gone, silent, or the server stops: join again.
  // DATA_LOSS            a batch is damaged.
  absl::StatusOr<std::optional<MemberItem>> Next(absl::Duration timeout);

  // These only queue; Next sends.
  // PARTITION_ORDERED: all events of each partition before its offset are done.
  void AckUpTo(const std::vector<TopicPartitionOffset>& offsets);
  // KEY_ORDERED, UNORDERED: these are done; these failed (no delay: the group's policy says when
  // they come again); these need their lease for so long from now.
  void Ack(const std::vector<EventId>& events);
  void Nack(const std::vector<EventId>& events, std::optional<absl::Duration> delay = std::nullopt,
            absl::string_view reason = "");
  void DeadLetter(const std::vector<EventId>& events, absl::string_view reason);
  void Extend(const std::vector<EventId>& events, absl::Duration lease);
  void AddCredits(uint64_t events, uint64_t bytes);
  // Gives back what `revoked` named, without waiting for the deadline.
  void Release(const PartitionsRevoked& revoked);
  // Nothing is asked for after this. Next goes on until MemberLeft.
  void Leave();

  // Makes Next return.
  void Wake();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark

#endif  // TIDEMARK_MEMBER_STREAM_H_
