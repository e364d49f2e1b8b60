// Processor: makes events of events, exactly once: one member of a consumer group whose results are
// stored in the same commit as its progress.
//
// Guarantees. The results of an event are stored once, whatever crashes, breaks or is retried: an
//            event counts as handled only in the commit that stores its results (Client::Transact),
//            and a member whose partition was given to another cannot commit. Inside Tidemark only:
//            what the handler does elsewhere may happen again.
//            Events of a partition are handled in order, and so are their results.
// Cost.      Results wait for a commit: up to ConsumerOptions::ack_events_max events, ack_interval
//            or transaction_bytes_max of results; it comes at once when nothing is left to handle.
// Threads.   As Consumer, with `concurrency` 1.
// Failure.   As Consumer. A member that is fenced or loses its connection joins again; what was not
//            committed is handled again. Another refusal of a commit (a deleted topic, an event
//            over a limit) ends Run with it.
//
//   tidemark::Processor raises(client, {.group = "raises", .topics = {"hr"}},
//       [](const tidemark::ReceivedEvent& e, tidemark::Transaction& out) {
//         if (e.event.type == "title.changed") {
//           out.Append("salaries", {.type = "raise.due", .key = std::string(e.event.key)});
//         }
//         return absl::OkStatus();
//       });
//   return raises.Run();  // Until Stop() or an error.
#ifndef TIDEMARK_PROCESSOR_H_
#define TIDEMARK_PROCESSOR_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "tidemark/client.h"
#include "tidemark/consumer.h"

namespace tidemark {

class Processor {
 public:
  // OK: the event is done, and `out` holds its results: use Append, and, with care, conditions; a
  // condition that does not hold ends Run. The views in the event are valid until it returns. Not
  // OK: what it added to `out` is dropped.
  using Handler = std::function<absl::Status(const ReceivedEvent& event, Transaction& out)>;

  // `transaction_bytes_max`: of results, encoded; below the server's request_bytes_max.
  Processor(const Client& client, ConsumerOptions options, Handler handler,
            size_t transaction_bytes_max = 1 << 20);
  ~Processor();
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // As in Consumer.
  // INVALID_ARGUMENT  concurrency is not 1.
  absl::Status Run();
  absl::Status RunUntilCaughtUp();
  void Stop();
  ConsumerStats stats() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tidemark

#endif  // TIDEMARK_PROCESSOR_H_
