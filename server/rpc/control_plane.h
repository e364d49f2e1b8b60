// ControlPlane: the threads of calls that may wait for the disk or for a commit, and a bound on
// what such calls occupy together.
//
// Why.       gRPC's synchronous calls have a thread each, and no other bound: a client that calls
//            ListTopics without waiting for answers made the server grow until it was ended.
// Terms.     Lane: threads for calls that need about as long. Charge: what a call occupies; at
// least
//            kCallBytes, with its request until it has run and its answer until the client took it.
// How.       Enter, Run on a thread of the lane, Answers, Leave. In a lane connections take turns,
//            so one that calls much waits for itself.
// Overload.  Where a charge does not fit into bytes_max any more, the connection with the largest
//            one gives way: its newest call that waits is refused; if none waits, the answer that
//            it left unread for longest is let go of. So a client in need finds room whatever
//            others do.
// Threads.   Safe from any thread. Calls are called without locks of ours.
// Lifetime.  Outlives its calls, and the tasks that it gave to the executors.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "server/base/executor.h"

namespace tidemark::rpc {

enum class Lane {
  kLook,     // Reads of metadata and indexes.
  kChange,   // Waits for commits.
  kOperate,  // Takes minutes: backups, verifying.
};

// One for each client's connection.
enum class ConnectionId : uint64_t {};

class ControlPlane {
 public:
  static constexpr uint64_t kCallBytes = 16 << 10;  // gRPC's part and ours, about.

  class Call {
   public:
    virtual ~Call() = default;
    // Does the call's work and has the answer sent.
    virtual void Run() = 0;
    // Instead of Run: there is no room.
    virtual void Refuse() = 0;
    // After Answers: nobody takes the answer, and others need the room.
    virtual void Abandon() = 0;

   private:
    friend class ControlPlane;
    // Of the plane, under its lock.
    Lane lane_ = Lane::kLook;
    ConnectionId connection_{0};
    uint64_t charge_ = 0;
    std::list<std::shared_ptr<Call>>::iterator unread_;
    bool is_unread_ = false;
  };

  // An executor for each lane.
  using Executors = std::array<base::Executor*, 3>;
  ControlPlane(const Executors& executors, uint64_t bytes_max)
      : executors_(executors), bytes_max_(bytes_max) {}

  // False: refused, and the plane does not know the call.
  bool Enter(std::shared_ptr<Call> call, Lane lane, ConnectionId connection, uint64_t request_bytes)
      ABSL_LOCKS_EXCLUDED(mu_);
  // The call has run; `bytes` are on their way to the client.
  void Answers(const std::shared_ptr<Call>& call, uint64_t bytes) ABSL_LOCKS_EXCLUDED(mu_);
  // The last that the plane hears of a call.
  void Leave(Call& call) ABSL_LOCKS_EXCLUDED(mu_);

  uint64_t bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using CallPtr = std::shared_ptr<Call>;
  struct Connection {
    uint64_t bytes = 0;
    std::array<std::deque<CallPtr>, 3> waiting;  // By lane.
    std::list<CallPtr> unread;                   // The oldest first.
  };
  struct GivesWay {
    std::vector<CallPtr> refused;
    std::vector<CallPtr> abandoned;
    void Tell();
  };

  void RunNext(Lane lane) ABSL_LOCKS_EXCLUDED(mu_);
  // False: nobody has more than `connection`, which wants `bytes`.
  bool MakeRoomLocked(ConnectionId connection, uint64_t bytes, GivesWay& gives_way)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ChargeLocked(Call& call, uint64_t charge) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ForgetUnreadLocked(Call& call) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Executors executors_;
  const uint64_t bytes_max_;
  mutable absl::Mutex mu_;  // Leaf.
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  // Those with a charge.
  absl::flat_hash_map<ConnectionId, std::unique_ptr<Connection>> connections_ ABSL_GUARDED_BY(mu_);
  // By lane: connections with something waiting, or that had; the front is next.
  std::array<std::deque<ConnectionId>, 3> turns_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tidemark::rpc
