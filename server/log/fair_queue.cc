#include "server/log/fair_queue.h"

#include <utility>

#include "server/base/check.h"

namespace tidemark::log {

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
}

std::vector<PipelineRequest> FairQueue::Take(uint64_t bytes_max) {
  Taken taken;
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
    if (!taken.requests.empty() && taken.bytes + bytes > bytes_max) {
      section.in_turn = true;
      return false;
    }
    taken.bytes += bytes;
    flow.credit_bytes -= bytes;
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
  bytes_ -= taken.bytes;
  return std::move(taken.requests);
}

}  // namespace tidemark::log
