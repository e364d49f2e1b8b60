#include "client/cpp/src/send_window.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tidemark/errors.h"

namespace tidemark::internal {
namespace {

// The indices that "events[3].type" and the like name.
std::set<uint32_t> RefusedIndices(const absl::Status& status) {
  std::set<uint32_t> indices;
  const std::optional<ErrorDetails> details = DetailsOf(status);
  if (!details) return indices;
  for (const FieldViolation& violation : details->field_violations) {
    absl::string_view path = violation.field;
    uint32_t index;
    if (absl::ConsumePrefix(&path, "events[") &&
        absl::SimpleAtoi(path.substr(0, path.find(']')), &index)) {
      indices.insert(index);
    }
  }
  return indices;
}

// Whether this answer to a request says for certain that it is not stored.
bool SaysNotStored(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
      return true;
    default:
      return false;
  }
}

// Whether another request is stored under this one's number; this one then is not.
bool IsSomebodyElses(const absl::StatusOr<AppendResult>& answer, const ProducerRequest& request) {
  return answer.ok() ? answer->duplicate && request.sends == 1
                     : ReasonOf(answer.status()) == "PRODUCER_SEQUENCE_REUSED";
}

}  // namespace

SendWindow::SendWindow(std::string producer_id, std::optional<uint64_t> last_sequence)
    : base_id_(std::move(producer_id)),
      producer_id_(base_id_),
      next_sequence_(last_sequence.value_or(0) + 1),
      last_stored_(last_sequence.value_or(0)),
      established_(last_sequence.has_value()) {}

const ProducerRequest* SendWindow::Send(std::unique_ptr<ProducerRequest> request, absl::Time now) {
  ++request->sends;
  request->sent_at = now;
  bytes_in_flight_ += request->events.size();
  in_flight_.push_back(std::move(request));
  return in_flight_.back().get();
}

const ProducerRequest* SendWindow::SendAgain(absl::Time now) {
  if (draining_ || again_.empty() || (!established_ && !in_flight_.empty())) return nullptr;
  std::unique_ptr<ProducerRequest> request = std::move(again_.front());
  again_.pop_front();
  ++resent_;
  return Send(std::move(request), now);
}

bool SendWindow::MayTakeNew() const {
  return !draining_ && again_.empty() && (established_ || in_flight_.empty());
}

const ProducerRequest* SendWindow::SendNew(std::unique_ptr<ProducerRequest> request,
                                           absl::Time now) {
  request->sequence = next_sequence_++;
  return Send(std::move(request), now);
}

SendWindow::Outcome SendWindow::OnAnswer(const absl::StatusOr<AppendResult>& answer) {
  Outcome outcome;
  std::unique_ptr<ProducerRequest> request = std::move(in_flight_.front());
  in_flight_.pop_front();
  bytes_in_flight_ -= request->events.size();
  const absl::StatusCode code = answer.status().code();
  if (IsSomebodyElses(answer, *request)) {
    take_new_id_ = hole_may_fill_ = true;
    if (refused_.empty()) renumber_ = true;
    request->sends = 0;
    GoAgain(std::move(request));
  } else if (answer.ok()) {
    last_stored_ = std::max(last_stored_, request->sequence);
    established_ = true;
    renumberings_ = 0;
    outcome.done = std::move(request);
  } else if (code == absl::StatusCode::kAborted) {
    // A gap in front of everything else that goes again: nobody will fill it. Behind others that
    // go again under their numbers, it fills by itself.
    if (refused_.empty()) renumber_ = true;
    // It had the next number as far as we know: the server knows otherwise.
    if (!established_ || request->sequence == last_stored_ + 1) take_new_id_ = true;
    outcome.pause = renumberings_ > 0;
    GoAgain(std::move(request));
  } else if (code == absl::StatusCode::kResourceExhausted ||
             code == absl::StatusCode::kUnavailable) {
    if (code == absl::StatusCode::kUnavailable) Unsettle(request->sequence);
    outcome.pause = true;
    GoAgain(std::move(request));
  } else {
    const std::set<uint32_t> indices = RefusedIndices(answer.status());
    const bool some = code == absl::StatusCode::kInvalidArgument && !indices.empty() &&
                      *indices.rbegin() < request->event_count &&
                      indices.size() < request->event_count;
    if (some) {
      outcome.refused_count = static_cast<uint32_t>(indices.size());
      outcome.refused_epoch = request->flush_epoch;
      outcome.refused_bytes = request->events.size();
      outcome.refused = RemoveEvents(indices, request.get());
      outcome.refused_bytes -= request->events.size();
      GoAgain(std::move(request));  // Under the same number, so that it leaves no hole.
    } else {
      OnRefused(code, *request);
      outcome.done = std::move(request);
    }
  }
  if (draining_ && in_flight_.empty()) outcome.lost = FinishDrain();
  return outcome;
}

void SendWindow::GoAgain(std::unique_ptr<ProducerRequest> request) {
  draining_ = true;
  refused_.push_back(std::move(request));
}

void SendWindow::Unsettle(uint64_t sequence) {
  unsettled_max_ = std::max(unsettled_max_, sequence);
}

// A request that is refused for good leaves a hole. If it is certain that the hole was never
// filled, the requests behind it need new numbers; if not, they will find out by going again.
void SendWindow::OnRefused(absl::StatusCode code, const ProducerRequest& request) {
  draining_ = true;
  if (request.old_copy) hole_may_fill_ = true;
  if (SaysNotStored(code) && request.sends == 1) {
    if (refused_.empty()) renumber_ = true;
  } else {
    Unsettle(request.sequence);
  }
}

std::vector<std::unique_ptr<ProducerRequest>> SendWindow::FinishDrain() {
  draining_ = false;
  again_.insert(again_.begin(), std::make_move_iterator(refused_.begin()),
                std::make_move_iterator(refused_.end()));
  refused_.clear();
  if (renumber_) return Renumber();
  return {};
}

std::vector<std::unique_ptr<ProducerRequest>> SendWindow::OnBroken() {
  for (const auto& request : in_flight_) {
    Unsettle(request->sequence);
    request->old_copy = true;
  }
  std::move(in_flight_.begin(), in_flight_.end(), std::back_inserter(refused_));
  in_flight_.clear();
  bytes_in_flight_ = 0;
  return FinishDrain();
}

std::vector<std::unique_ptr<ProducerRequest>> SendWindow::Renumber() {
  renumber_ = false;
  ++renumberings_;
  std::vector<std::unique_ptr<ProducerRequest>> lost;
  if (take_new_id_ || (established_ && unsettled_max_ > last_stored_)) {
    Queue kept;
    for (auto& request : again_) {
      if (hole_may_fill_ && request->old_copy) {
        lost.push_back(std::move(request));
      } else {
        kept.push_back(std::move(request));
      }
    }
    again_ = std::move(kept);
    TakeNewId();
  } else if (established_) {
    next_sequence_ = last_stored_ + 1;
  }
  for (auto& request : again_) {
    request->sequence = next_sequence_++;
    request->sends = 0;
    request->old_copy = false;
  }
  return lost;
}

void SendWindow::TakeNewId() {
  absl::BitGen random;
  producer_id_ = absl::StrCat(base_id_, ".", absl::Hex(absl::Uniform<uint64_t>(random)));
  take_new_id_ = hole_may_fill_ = established_ = false;
  next_sequence_ = 1;
  last_stored_ = unsettled_max_ = 0;
}

std::vector<std::unique_ptr<ProducerRequest>> SendWindow::TakeSealedBefore(absl::Time time) {
  std::vector<std::unique_ptr<ProducerRequest>> taken;
  while (!again_.empty() && again_.front()->sealed_at < time) {
    Unsettle(again_.front()->sequence);
    if (again_.front()->old_copy) hole_may_fill_ = true;
    taken.push_back(std::move(again_.front()));
    again_.pop_front();
  }
  return taken;
}

absl::Time SendWindow::oldest_sealed_at() const {
  for (const Queue* queue : {&refused_, &in_flight_, &again_}) {
    if (!queue->empty()) return queue->front()->sealed_at;
  }
  return absl::InfiniteFuture();
}

absl::Time SendWindow::oldest_sent_at() const {
  return in_flight_.empty() ? absl::InfiniteFuture() : in_flight_.front()->sent_at;
}

}  // namespace tidemark::internal
