// Producer: a fast, ordered, retrying writer of one topic.
//
// Terms.     request: events that travel and are stored together. open: the request being filled.
//            in flight: sent and not answered. linger: how long an open request waits for company.
// Guarantees. Events of a key are stored in the order of Send, each once, also when connections
//            break: unanswered requests are sent again, in order, under the same producer sequence.
//            One event that the server refuses fails alone where the server names it.
// Threads.   Safe from any thread. Callbacks run on the producer's own thread, in no lock of ours;
//            keep them short. Send from a callback never waits.
// Memory.    At most ProducerOptions::buffered_bytes_max of events not yet answered.
// Failure.   An event's outcome is told exactly once, to its callback, else by the next Flush.
// Lifetime.  Close() flushes; the destructor does not: what is unanswered then fails with
// CANCELLED.
//
//   auto producer = tidemark::Producer::Open(client, "hr");
//   if (!producer.ok()) return producer.status();
//   for (const tidemark::Event& event : events) {
//     if (absl::Status s = (*producer)->Send(event); !s.ok()) return s;
//   }
//   return (*producer)->Close();  // OK: every event is durable.
#ifndef TIDEMARK_PRODUCER_H_
#define TIDEMARK_PRODUCER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tidemark/client.h"
#include "tidemark/event.h"

namespace tidemark {

struct ProducerOptions {
  // How long an open request waits for more events. Zero: it is sent at once; while
  // requests_in_flight_max are unanswered, events gather all the same.
  absl::Duration linger = absl::Milliseconds(5);
  // An open request is sent when it has this many encoded bytes or events.
  size_t request_bytes_max = 256 << 10;
  size_t request_events_max = 10'000;
  // The pipeline: sending pauses while this much is unanswered.
  size_t requests_in_flight_max = 64;
  size_t bytes_in_flight_max = 8 << 20;
  // Back-pressure: Send waits (or refuses) while this much is not answered.
  size_t buffered_bytes_max = 32 << 20;
  // What Send does then: true: wait; false: answer RESOURCE_EXHAUSTED.
  bool block_when_full = true;
  // An event that is not answered after this long fails with DEADLINE_EXCEEDED. Infinite: never.
  absl::Duration delivery_timeout = absl::Minutes(2);
  // A connection that leaves a request unanswered for this long is given up and made anew.
  absl::Duration request_timeout = absl::Seconds(30);
  // Every event into this partition, whatever its key. Unset: by key.
  std::optional<uint32_t> partition{};
  // [A-Za-z0-9._-]{1,180}; names the sequence of requests in the store. Empty: random, and unique.
  // An id that was used before is continued; no two producers may use one at the same time. Where
  // going on under it could confuse one request with another (one was refused while later ones may
  // still be on their way over a broken connection), a '.' and random digits are added to it.
  std::string producer_id{};
  // Reconnecting: the first pause and the longest; with jitter.
  absl::Duration backoff_min = absl::Milliseconds(50);
  absl::Duration backoff_max = absl::Seconds(5);
};

// Where an event is stored.
struct Ack {
  uint32_t partition = 0;
  uint64_t offset = 0;
  // Of its request's commit.
  uint64_t position = 0;
  absl::Time append_time;
  // True: an earlier try was stored, its answer was lost.
  bool duplicate = false;
  Durability durability = Durability::kUnspecified;
};

// How much a producer has done; every number only grows, except the buffered ones.
struct ProducerStats {
  uint64_t events_sent = 0;
  uint64_t events_acked = 0;
  uint64_t events_failed = 0;
  uint64_t requests_acked = 0;
  uint64_t requests_resent = 0;
  uint64_t connections = 0;
  uint64_t buffered_events = 0;
  uint64_t buffered_bytes = 0;
};

class Producer {
 public:
  // OK: the event is durable (or what its topic's durability promises). Else it is not stored,
  // except with DEADLINE_EXCEEDED, CANCELLED, INTERNAL and UNKNOWN: perhaps stored.
  using AckCallback = absl::AnyInvocable<void(absl::StatusOr<Ack> ack) &&>;

  // Told for each request: where its events are, or why they failed. A request of which only some
  // events are refused is told twice: of those, then of the rest.
  using RequestCallback = absl::AnyInvocable<void(const absl::StatusOr<AppendResult>& result)>;

  // Opens a producer for an existing topic.
  // NOT_FOUND         no such topic.
  // INVALID_ARGUMENT  an option is out of bounds.
  // UNAVAILABLE       the server cannot be reached.
  static absl::StatusOr<std::unique_ptr<Producer>> Open(const Client& client,
                                                        absl::string_view topic,
                                                        ProducerOptions options = {});
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Takes the event; it is copied. OK: it will be sent, and its outcome told once.
  // INVALID_ARGUMENT     it can never be stored (no type, over a limit); nothing was taken.
  // RESOURCE_EXHAUSTED   the buffer is full and block_when_full is off; nothing was taken.
  // FAILED_PRECONDITION  Close was called; nothing was taken.
  absl::Status Send(const Event& event);
  absl::Status Send(const Event& event, AckCallback done);

  // Sends the event at once and waits for its outcome.
  absl::StatusOr<Ack> SendAndWait(const Event& event);

  // Sends the open request at once and waits until every event taken before has its outcome.
  // Returns the first failure since the last Flush of an event without callback, else OK.
  // DEADLINE_EXCEEDED  `timeout` passed first; the events are still on their way.
  absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration());

  // Flush, then end. Further Sends are refused. May be called again; answers the same.
  absl::Status Close(absl::Duration timeout = absl::InfiniteDuration());

  // Set before the first Send: called on the producer's thread for each answered request, without
  // the cost of a callback for each event.
  void OnRequestDone(RequestCallback callback);

  ProducerStats stats() const;
  // The id in use; it changes as ProducerOptions::producer_id tells.
  std::string producer_id() const;

 private:
  class Impl;
  explicit Producer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark

#endif  // TIDEMARK_PRODUCER_H_
