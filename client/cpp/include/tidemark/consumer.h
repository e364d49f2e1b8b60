// Consumer: one member of a consumer group; handles each event, then acknowledges it.
//
// Terms.    group: shares what its topics hold among its members and remembers how far it is, for
//           ever. A new group begins at the earliest event. mode: how it shares. PARTITION_ORDERED:
//           each partition has one member, events come in its order. KEY_ORDERED: events go to any
//           member, those of a key in order and to one at a time. UNORDERED: to any, in any order.
// Guarantees. At least once: an event is acknowledged only after the handler returned OK for it
//           (PARTITION_ORDERED: and for all before it in its partition), so after a crash or a
//           broken connection the newest ones may come again. PARTITION_ORDERED: events of a
//           partition come one at a time; with `concurrency` above 1 those of a key, and those
//           without a key in any order. KEY_ORDERED: events of a key one at a time, in order,
//           whatever `concurrency` is.
// Leases.   KEY_ORDERED, UNORDERED: while an event waits for its handler, and while that runs, its
//           lease is extended; how long a handler takes does not matter. What could not be extended
//           in time is not begun.
// Threads.  PARTITION_ORDERED with `concurrency` 1: the handler runs on the thread that called Run.
//           Else on `concurrency` threads of the consumer's own, and so does on_handler_error.
//           Stop() may be called from any thread. For more still start more consumers with the same
//           group.
// Failure.  Broken connections and draining servers are met by joining again. An event fails by
// what
//           its handler returns or throws.
//           PARTITION_ORDERED: it is met by `retry`, if set, then by on_handler_error; else it ends
//           Run with that error, the event not acknowledged.
//           KEY_ORDERED, UNORDERED: RetryAfter and GiveUp say what is to be done; any other error
//           is met by on_handler_error, if set; else the event comes again, here or elsewhere, as
//           the group's retry policy says, and goes to the dead letters after the last attempt.
//           Nothing waits for it but later events of its key.
// Raw.      Who wants to say everything himself, from credits to leases, takes the stream itself:
//           tidemark/member_stream.h.
//
//   tidemark::Consumer payroll(client,
//       {.group = "payroll", .topics = {"hr"}, .filter = {.types = {"employee.created"}}},
//       [](const tidemark::ReceivedEvent& e) { return PaySalaryTo(e.event.key); });
//   return payroll.Run();  // Until Stop() or an error.
//
//   tidemark::Consumer mailer(client,
//       {.group = "mailer", .topics = {"mails"}, .mode = tidemark::GroupMode::kKeyOrdered,
//        .concurrency = 8, .retry = tidemark::RetryPolicy{.max_attempts = 5}},
//       [](const tidemark::ReceivedEvent& e) -> absl::Status {
//         if (!IsAddress(e.event.key)) return tidemark::GiveUp("no address");
//         if (Overloaded()) return tidemark::RetryAfter(absl::Minutes(1), "too many mails");
//         return Send(e.event.data);
//       });
#ifndef TIDEMARK_CONSUMER_H_
#define TIDEMARK_CONSUMER_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/stream.h"

namespace tidemark {

namespace internal {
class OffsetCommitter;
}  // namespace internal

// What becomes of an event whose handler failed.
enum class FailureAction {
  kStop,  // Run returns the error; the event is delivered again to the next member.
  // PARTITION_ORDERED: the handler is called again after retry_backoff; everything behind it waits.
  // Else: the group's retry policy decides when it comes again, and whether.
  kRetry,
  kSkip,        // It is acknowledged as if it had succeeded.
  kDeadLetter,  // To the dead letters. As kStop in PARTITION_ORDERED, which has none.
};

// What a handler returns so that, in a KEY_ORDERED or UNORDERED group, its event comes again after
// `delay` (at most 10 years), or becomes a dead letter if that was its last attempt. `reason`: of
// which 1024 bytes are kept with a dead letter.
absl::Status RetryAfter(absl::Duration delay, absl::string_view reason);

// The same to make the event a dead letter at once.
absl::Status GiveUp(absl::string_view reason);

// The same for handlers that throw: throw EventFailure(RetryAfter(...)).
class EventFailure : public std::exception {
 public:
  explicit EventFailure(absl::Status status)
      : status_(std::move(status)), what_(status_.message()) {}
  const absl::Status& status() const { return status_; }
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  absl::Status status_;
  std::string what_;
};

struct ConsumerOptions {
  // Required.
  std::string group{};
  // What the group reads. Required for a new group; for an existing one empty or the same.
  std::vector<std::string> topics{};
  Filter filter{};
  // How a NEW group shares its work; unset: PARTITION_ORDERED. An existing one's: the same or
  // unset.
  GroupMode mode = GroupMode::kUnspecified;
  // Where a NEW group begins (earliest, latest or a time); an existing one goes on where it is.
  Start start{};
  // Shown with the group's members. Empty: ClientOptions::client_name.
  std::string client_name{};
  // How much may be delivered ahead of the handler.
  uint64_t events_ahead_max = 10'000;
  uint64_t bytes_ahead_max = 8 << 20;
  // Acknowledge after this many events or this long, and whenever there is nothing left to handle.
  uint64_t ack_events_max = 1'000;
  absl::Duration ack_interval = absl::Milliseconds(500);

  // How many handlers may be at work at once.
  int concurrency = 1;

  // PARTITION_ORDERED, if set: a failed event is handled again in place, after the policy's pauses
  // and as often as it says; events behind it (of its key, or of what shares its thread) wait. With
  // mode KEY_ORDERED and UNORDERED: the policy of a NEW group, kept by the server; an existing
  // one's: the same or unset.
  std::optional<RetryPolicy> retry{};
  // Decides about a failed event. PARTITION_ORDERED: after `retry`; unset: FailureAction::kStop.
  // Else: about errors that are not RetryAfter's or GiveUp's; unset: FailureAction::kRetry.
  std::function<FailureAction(const ReceivedEvent&, const absl::Status&)> on_handler_error{};
  absl::Duration retry_backoff = absl::Seconds(1);  // Of FailureAction::kRetry in place.

  // Notes, on the thread of Run. `assigned`, `revoked` and `committed` are PARTITION_ORDERED's:
  // `assigned` and `revoked` tell what this member owns.
  std::function<void(const std::string& member_id, bool group_created)> on_joined{};
  std::function<void(const std::vector<TopicPartitionOffset>& assigned)> on_assigned{};
  std::function<void(const std::vector<TopicPartitionOffset>& revoked)> on_revoked{};
  // Offsets that are durably committed now.
  std::function<void(const std::vector<TopicPartitionOffset>& committed)> on_committed{};
  std::function<void()> on_caught_up{};
  std::function<void(const Gap&)> on_gap{};
  std::function<void(const absl::Status& cause, absl::Duration pause)> on_reconnect{};

  // As in StreamOptions.
  absl::Duration silence_max = absl::Seconds(31);
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(5);
  absl::Duration give_up_after = absl::InfiniteDuration();
  // How long Stop waits for the last acknowledgements to be confirmed.
  absl::Duration leave_timeout = absl::Seconds(10);
};

struct ConsumerStats {
  uint64_t events_handled = 0;
  uint64_t events_failed = 0;
  // Acknowledgements that had no effect, because the partition or the event was another's by then;
  // of events where these are acknowledged one by one.
  uint64_t acks_fenced = 0;
  // KEY_ORDERED, UNORDERED: failed events that come again, and those that became dead letters by
  // what this consumer said of them.
  uint64_t events_retried = 0;
  uint64_t dead_letters = 0;
  uint64_t gap_events = 0;
  uint64_t connections = 0;
};

class Consumer {
 public:
  // OK: the event is done. The views in it are valid until it returns.
  using Handler = std::function<absl::Status(const ReceivedEvent& event)>;

  Consumer(const Client& client, ConsumerOptions options, Handler handler);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Joins and handles events until Stop() (OK) or an error. What was handled is acknowledged and
  // confirmed when it returns, unless the error says otherwise. May be called again.
  // FAILED_PRECONDITION  the group exists and reads something else.
  // NOT_FOUND            a topic does not exist.
  // DEADLINE_EXCEEDED    the last acknowledgements were not confirmed within leave_timeout.
  absl::Status Run();

  // As Run, but ends with OK when everything stored in this member's partitions is handled.
  // KEY_ORDERED, UNORDERED: everything that was there for it; what waits for its time, its next
  // attempt or its key may be left.
  absl::Status RunUntilCaughtUp();

  // From any thread, also from the handler: Run finishes the events whose handlers are at work,
  // acknowledges, leaves and returns. Does not wait. A Stop before Run makes that Run return at
  // once.
  void Stop();

  ConsumerStats stats() const;

 private:
  friend class Processor;
  Consumer(const Client& client, ConsumerOptions options, Handler handler,
           internal::OffsetCommitter* committer);

  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark

#endif  // TIDEMARK_CONSUMER_H_
