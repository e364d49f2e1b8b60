// FairQueue: what waits for the commit pipeline, taken by turns.
//
// Terms.     Flow: the requests of one connection or one stream. Turn: a flow may give out
//            kTurnBytes, and what it left unused in turns before while something of it waited.
// How.       Deficit round robin over the flows that have something waiting. So how long a request
//            waits depends on its own flow and on how many others there are, not on how much a
//            heavy one has queued.
// Invariant. Requests of a flow leave in the order in which they came. A Mutation leaves alone,
//            after everything that came before it and before everything that came after it.
// Threads.   One at a time.
// Bounds.    None of its own: who pushes looks at bytes().
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/log/commit_group.h"

namespace tidemark::log {

using PipelineRequest = std::variant<QueuedAppend, QueuedOffsets, QueuedTrims, Mutation>;

class FairQueue {
 public:
  // Small beside a group, so that a group under load holds many turns; large beside a request of
  // one event.
  static constexpr uint64_t kTurnBytes = 64 << 10;

  FairQueue() : sections_(1) {}

  void Push(PipelineRequest request, FlowId flow, uint64_t bytes);

  bool empty() const { return requests_ == 0; }
  uint64_t requests() const { return requests_; }
  uint64_t bytes() const { return bytes_; }
  // About what leaves before a request of `flow` that would be pushed now.
  uint64_t BytesBefore(FlowId flow) const;

  // Either one Mutation, or others: as many as fit into `bytes_max`, but at least one. Empty only
  // if the queue is. Requests whose deadline is past at `now_nanos` come along and take no room.
  std::vector<PipelineRequest> Take(uint64_t bytes_max, int64_t now_nanos = 0);
  // Of the last Take, without those.
  uint64_t last_taken_bytes() const { return last_taken_bytes_; }

 private:
  struct Waiting {
    PipelineRequest request;
    uint64_t bytes;
    std::unique_ptr<Waiting> next;
  };
  // A list with two ends; a deque would allocate for each flow that comes and goes.
  struct Flow {
    Flow() = default;
    Flow(Flow&&) = default;
    Flow& operator=(Flow&&) = default;
    ~Flow();  // One by one: a chain of thousands must not end in a recursion as deep.
    std::unique_ptr<Waiting> first;
    Waiting* last = nullptr;
    uint64_t credit_bytes = 0;
    uint64_t bytes = 0;  // Of all that waits.
  };
  // What came between two mutations.
  struct Section {
    absl::flat_hash_map<FlowId, Flow> flows;  // With something waiting.
    std::deque<FlowId> ring;                  // The same; the front is next.
    bool in_turn = false;                     // The front's turn was broken off.
    std::optional<Mutation> end;
    uint64_t end_bytes = 0;
  };
  struct Taken {
    std::vector<PipelineRequest> requests;
    uint64_t bytes = 0;
    uint64_t past_bytes = 0;
    int64_t now_nanos = 0;
  };

  // Moves what the front flow may give out; false: its next request does not fit.
  static bool TakeTurn(Section& section, uint64_t bytes_max, Taken& taken);
  std::vector<PipelineRequest> Finish(Taken taken);

  std::deque<Section> sections_;  // At least one; the last has no end yet.
  uint64_t requests_ = 0;
  uint64_t bytes_ = 0;
  uint64_t last_taken_bytes_ = 0;
};

}  // namespace tidemark::log
