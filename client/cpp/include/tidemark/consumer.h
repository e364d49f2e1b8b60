// Consumer: one member of a consumer group; handles each event, then acknowledges it.
//
// Terms.    group: shares the partitions of its topics among its members and remembers how far it
//           is, for ever. A new group begins at the earliest event.
// Guarantees. At least once: an event is acknowledged only after the handler returned OK for it
// (and
//           for all before it in its partition), so after a crash or a broken connection the newest
//           ones may come again. Events of a partition come in order, one at a time; with
//           `concurrency` above 1 those of a key, and those without a key in any order.
// Threads.  The handler runs on the thread that called Run; with `concurrency` above 1 on as many
//           threads of the consumer's own, and so does on_handler_error. Stop() may be called from
//           any thread. For more still start more consumers with the same group.
// Failure.  Broken connections and draining servers are met by joining again. A handler's error, or
//           what it throws, is met by `retry`, if set, then by on_handler_error; else it ends Run
//           with that error, the event not acknowledged.
//
//   tidemark::Consumer payroll(client,
//       {.group = "payroll", .topics = {"hr"}, .filter = {.types = {"employee.created"}}},
//       [](const tidemark::ReceivedEvent& e) { return PaySalaryTo(e.event.key); });
//   return payroll.Run();  // Until Stop() or an error.
#ifndef TIDEMARK_CONSUMER_H_
#define TIDEMARK_CONSUMER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tidemark/admin.h"
#include "tidemark/client.h"
#include "tidemark/stream.h"

namespace tidemark {

// What becomes of an event whose handler failed.
enum class FailureAction {
  kStop,   // Run returns the error; the event is delivered again to the next member.
  kRetry,  // The handler is called again after retry_backoff; everything behind it waits.
  kSkip,   // It is acknowledged as if it had succeeded.
};

struct ConsumerOptions {
  // Required.
  std::string group{};
  // What the group reads. Required for a new group; for an existing one empty or the same.
  std::vector<std::string> topics{};
  Filter filter{};
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

  // Set: a failed event is handled again in place, after the policy's pauses and as often as it
  // says; events behind it (of its key, or of what shares its thread) wait.
  std::optional<RetryPolicy> retry{};
  // Decides about a failed event, after `retry`. Unset: FailureAction::kStop.
  std::function<FailureAction(const ReceivedEvent&, const absl::Status&)> on_handler_error{};
  absl::Duration retry_backoff = absl::Seconds(1);  // With FailureAction::kRetry.

  // Notes, on the thread of Run. `assigned` and `revoked` tell what this member owns.
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
  // Acknowledgements that had no effect, because the partition was another's by then.
  uint64_t acks_fenced = 0;
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
  absl::Status RunUntilCaughtUp();

  // From any thread, also from the handler: Run finishes the events whose handlers are at work,
  // acknowledges, leaves and returns. Does not wait. A Stop before Run makes that Run return at
  // once.
  void Stop();

  ConsumerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark

#endif  // TIDEMARK_CONSUMER_H_
