// SendWindow: which requests of a producer are under way, and under which sequence they go again.
//
// The server stores (producer id, sequence) once and takes only the last plus one. So a request
// that may have been stored goes again under the number it had, and the chain of numbers keeps the
// order: after one that is not stored, none behind it is. What follows from that is decided here,
// without any I/O.
//
// Terms.    in flight: written to the present stream, not answered. again: must be written again.
//           gap: ABORTED, a request before it is not stored. unsettled: a number whose fate no
//           answer told; a copy may still reach the server over an old connection.
// Invariant. Requests leave in the order in which they came, unless the server refuses one of them.
//           A request gets another (id, sequence) only when it cannot be stored under its present
//           one, now or later: the numbers below it have a hole that nobody will fill. Where an
//           unsettled number could be given away twice, a new producer id is taken. The first
//           request of an id goes alone, because before it the chain does not hold.
// Threads.  One thread.
#ifndef TIDEMARK_CLIENT_SRC_SEND_WINDOW_H_
#define TIDEMARK_CLIENT_SRC_SEND_WINDOW_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/src/producer_request.h"
#include "tidemark/client.h"

namespace tidemark::internal {

class SendWindow {
 public:
  // `last_sequence`: of an id that was used before; nullopt: a new id.
  SendWindow(std::string producer_id, std::optional<uint64_t> last_sequence);

  // The next request to write again; null: none now. It is in flight then.
  const ProducerRequest* SendAgain(absl::Time now);
  // Whether SendNew may be called: nothing that came before waits.
  bool MayTakeNew() const;
  // Numbers a request that was never sent; it is in flight then.
  const ProducerRequest* SendNew(std::unique_ptr<ProducerRequest> request, absl::Time now);

  // What an answer means for the oldest request in flight.
  struct Outcome {
    // Set: the request is done, stored or refused, as the answer says.
    std::unique_ptr<ProducerRequest> done;
    // These events alone are refused; the rest goes again.
    std::vector<ProducerRequest::Callback> refused;
    uint32_t refused_count = 0;
    size_t refused_bytes = 0;
    uint64_t refused_epoch = 0;
    // Given up: perhaps stored.
    std::vector<std::unique_ptr<ProducerRequest>> lost;
    // Go on only after a pause: the server is overloaded or not available, or answers make no
    // sense.
    bool pause = false;
  };
  // Requires in_flight() > 0.
  Outcome OnAnswer(const absl::StatusOr<AppendResult>& answer);

  // The stream is gone: everything in flight must go again. Gives what is lost, as in Outcome.
  std::vector<std::unique_ptr<ProducerRequest>> OnBroken();

  // Takes out, oldest first, what was sealed before `time`; requires that nothing is in flight.
  std::vector<std::unique_ptr<ProducerRequest>> TakeSealedBefore(absl::Time time);

  size_t in_flight() const { return in_flight_.size(); }
  size_t bytes_in_flight() const { return bytes_in_flight_; }
  bool empty() const { return in_flight_.empty() && refused_.empty() && again_.empty(); }
  // When the oldest request was sealed, and when the oldest in flight was sent; or never.
  absl::Time oldest_sealed_at() const;
  absl::Time oldest_sent_at() const;
  const std::string& producer_id() const { return producer_id_; }
  uint64_t resent() const { return resent_; }

 private:
  using Queue = std::deque<std::unique_ptr<ProducerRequest>>;

  const ProducerRequest* Send(std::unique_ptr<ProducerRequest> request, absl::Time now);
  void GoAgain(std::unique_ptr<ProducerRequest> request);
  void Unsettle(uint64_t sequence);
  void OnRefused(absl::StatusCode code, const ProducerRequest& request);
  std::vector<std::unique_ptr<ProducerRequest>> FinishDrain();
  std::vector<std::unique_ptr<ProducerRequest>> Renumber();
  void TakeNewId();

  const std::string base_id_;
  std::string producer_id_;
  uint64_t next_sequence_;
  uint64_t last_stored_;
  uint64_t unsettled_max_ = 0;
  bool established_;            // A request of this id is stored, so the chain holds.
  bool draining_ = false;       // No writes until everything in flight is answered.
  bool renumber_ = false;       // What goes again has a hole below it.
  bool take_new_id_ = false;    // The id is used by somebody else.
  bool hole_may_fill_ = false;  // A number was given up that an old copy may still take.
  int renumberings_ = 0;        // Since the last stored request.
  uint64_t resent_ = 0;
  size_t bytes_in_flight_ = 0;
  Queue in_flight_;
  Queue refused_;  // Of this drain; in front of again_ when it ends.
  Queue again_;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_SEND_WINDOW_H_
