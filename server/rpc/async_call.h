// The small frame of every asynchronous call: tags that keep the call alive, and a count of the
// calls there are.
//
// How.      A call is an object held by shared_ptr. Each gRPC operation is an Op of it; while the
//           operation is under way its Op holds the call, so a call lives exactly as long as
//           something may still come back to it. When nothing is under way and nobody else holds it
//           (a commit's callback, a read session), it is gone.
// Threads.  Op::Start and completions of different Ops of one call may run at once; the call locks.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tidemark::rpc {

// What goes into a completion queue.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Complete(bool ok) = 0;
};

// One kind of operation of a Call; at most one of it is under way at a time.
template <typename Call>
class Op final : public Tag {
 public:
  explicit Op(void (Call::*on_complete)(bool ok)) : on_complete_(on_complete) {}

  // The tag for an operation about to be started.
  void* Start(std::shared_ptr<Call> call) {
    call_ = std::move(call);
    return static_cast<Tag*>(this);
  }
  // The operation was never begun, so it will not complete.
  void Drop() { call_.reset(); }
  void Complete(bool ok) override {
    const std::shared_ptr<Call> call = std::move(call_);
    ((*call).*on_complete_)(ok);
  }

 private:
  void (Call::*const on_complete_)(bool ok);
  std::shared_ptr<Call> call_;
};

// A stream that can be asked to end.
class Drainable {
 public:
  virtual ~Drainable() = default;
  // Say where you are, then end with UNAVAILABLE. Called once, on any thread.
  virtual void Drain() = 0;
};

// The calls of a server, so that shutdown can tell streams and wait for everybody.
//
// Threads. Safe from any thread.
class CallRegistry {
 public:
  explicit CallRegistry(uint64_t streams_max) : streams_max_(streams_max) {}

  // Of calls as objects, those that wait for a client included.
  void CallBegins() { calls_.fetch_add(1, std::memory_order_relaxed); }
  void CallEnds() ABSL_LOCKS_EXCLUDED(mu_);
  // Of calls that a client made.
  void ClientArrives() { active_.fetch_add(1, std::memory_order_relaxed); }
  void ClientLeaves() ABSL_LOCKS_EXCLUDED(mu_);

  // False: there are streams_max already (`count` tells how many), or the server drains.
  bool AddStream(std::weak_ptr<Drainable> stream, Drainable* identity) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveStream(Drainable* identity) ABSL_LOCKS_EXCLUDED(mu_);
  uint64_t streams() const ABSL_LOCKS_EXCLUDED(mu_);
  bool draining() const ABSL_LOCKS_EXCLUDED(mu_);

  // Tells every stream, and every later one is refused.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until every client is answered, at most `timeout`.
  void WaitUntilAnswered(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until no call object is left.
  void WaitUntilNoCalls() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const uint64_t streams_max_;
  std::atomic<int64_t> calls_{0};
  std::atomic<int64_t> active_{0};
  mutable absl::Mutex mu_;  // Leaf.
  absl::flat_hash_map<Drainable*, std::weak_ptr<Drainable>> streams_ ABSL_GUARDED_BY(mu_);
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
};

// Counts a call from its construction to its destruction.
class CallCount {
 public:
  explicit CallCount(CallRegistry& registry) : registry_(registry) { registry_.CallBegins(); }
  ~CallCount() { registry_.CallEnds(); }
  CallCount(const CallCount&) = delete;
  CallCount& operator=(const CallCount&) = delete;

 private:
  CallRegistry& registry_;
};

// Counts a client's call from its arrival to its end.
class ActiveCall {
 public:
  explicit ActiveCall(CallRegistry& registry) : registry_(registry) { registry_.ClientArrives(); }
  ~ActiveCall() { registry_.ClientLeaves(); }
  ActiveCall(const ActiveCall&) = delete;
  ActiveCall& operator=(const ActiveCall&) = delete;

 private:
  CallRegistry& registry_;
};

}  // namespace tidemark::rpc
