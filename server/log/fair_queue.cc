#include "server/log/fair_queue.h"

#include <algorithm>
#include <utility>

#include "server/base/check.h"

namespace tidemark::log {
namespace {

bool IsPast(const PipelineRequest& request, int64_t now_nanos) {
  const auto* append = std::get_if<QueuedAppend>(&request);
  return append != nullptr && append->request.deadline_nanos <= now_nanos;
}

}  // namespace

FairQueue::Flow::~Flow() {
  while (first != nullptr) first = std::move(first->next);
}

void FairQueue::Push(PipelineRequest request, FlowId flow, uint64_t bytes) {
  ++requests_;
  bytes_ += bytes;
  Section& section = sections_.back();
  if (auto* mutation = std::get_if<Mutation>(&request)) {
    section.end = std::move(*mutation);
    section.end_bytes = bytes;
    sections_.emplace_back();
    return;
  }
  Flow& waiting = section.flows[flow];
  auto added = std::make_unique<Waiting>(Waiting{std::move(request), bytes, nullptr});
  Waiting* const last = added.get();
  if (waiting.last == nullptr) {
    section.ring.push_back(flow);
    waiting.first = std::move(added);
  } else {
    waiting.last->next = std::move(added);
  }
  waiting.last = last;
  waiting.bytes += bytes;
}

uint64_t FairQueue::BytesBefore(FlowId flow) const {
  const Section& section = sections_.back();
  const auto it = section.flows.find(flow);
  const uint64_t own = it == section.flows.end() ? 0 : it->second.bytes;
  const uint64_t flows = section.flows.size();
  // A turn of each, and as much of each as the flow has itself: what the others get meanwhile goes
  // first, too, so this may be more than what waits now.
  const uint64_t turns = std::min(bytes_, flows * kTurnBytes);
  const uint64_t before = std::max(turns, own * flows + turns / 2);
  return sections_.size() > 1 ? std::max(bytes_, before) : before;
}

std::vector<PipelineRequest> FairQueue::Take(uint64_t bytes_max, int64_t now_nanos) {
  Taken taken;
  taken.now_nanos = now_nanos;
  Section& section = sections_.front();
  if (section.ring.empty()) {
    if (!section.end.has_value()) return {};
    taken.requests.emplace_back(*std::move(section.end));
    taken.bytes = section.end_bytes;
    sections_.pop_front();
    return Finish(std::move(taken));
  }
  while (!section.ring.empty() && TakeTurn(section, bytes_max, taken)) {
  }
  return Finish(std::move(taken));
}

bool FairQueue::TakeTurn(Section& section, uint64_t bytes_max, Taken& taken) {
  const auto it = section.flows.find(section.ring.front());
  TM_CHECK(it != section.flows.end());
  Flow& flow = it->second;
  if (!section.in_turn) flow.credit_bytes += kTurnBytes;
  section.in_turn = false;
  while (flow.first != nullptr && flow.first->bytes <= flow.credit_bytes) {
    const uint64_t bytes = flow.first->bytes;
    if (IsPast(flow.first->request, taken.now_nanos)) {
      taken.past_bytes += bytes;
    } else if (taken.bytes > 0 && taken.bytes + bytes > bytes_max) {
      section.in_turn = true;
      return false;
    } else {
      taken.bytes += bytes;
      flow.credit_bytes -= bytes;
    }
    flow.bytes -= bytes;
    taken.requests.push_back(std::move(flow.first->request));
    flow.first = std::move(flow.first->next);
  }
  const FlowId id = section.ring.front();
  section.ring.pop_front();
  if (flow.first == nullptr) {
    section.flows.erase(it);
  } else {
    section.ring.push_back(id);
  }
  return true;
}

std::vector<PipelineRequest> FairQueue::Finish(Taken taken) {
  requests_ -= taken.requests.size();
  bytes_ -= taken.bytes + taken.past_bytes;
  last_taken_bytes_ = taken.bytes;
  return std::move(taken.requests);
}

}  // namespace tidemark::log
