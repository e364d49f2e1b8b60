#include "server/rpc/control_plane.h"

#include <algorithm>
#include <utility>

namespace tidemark::rpc {
namespace {

size_t IndexOf(Lane lane) { return static_cast<size_t>(lane); }

}  // namespace

void ControlPlane::GivesWay::Tell() {
  for (const CallPtr& call : refused) call->Refuse();
  for (const CallPtr& call : abandoned) call->Abandon();
}

bool ControlPlane::Enter(CallPtr call, Lane lane, ConnectionId connection, uint64_t request_bytes) {
  const uint64_t charge = kCallBytes + request_bytes;
  GivesWay gives_way;
  bool enters = true;
  {
    absl::MutexLock lock(&mu_);
    while (enters && bytes_ + charge > bytes_max_) {
      enters = MakeRoomLocked(connection, charge, gives_way);
    }
    if (enters) {
      call->lane_ = lane;
      call->connection_ = connection;
      ChargeLocked(*call, charge);
      std::deque<CallPtr>& waiting = connections_[connection]->waiting[IndexOf(lane)];
      if (waiting.empty()) turns_[IndexOf(lane)].push_back(connection);
      waiting.push_back(std::move(call));
    }
  }
  gives_way.Tell();
  if (enters) executors_[IndexOf(lane)]->Schedule([this, lane] { RunNext(lane); });
  return enters;
}

void ControlPlane::RunNext(Lane lane) {
  CallPtr call;
  {
    absl::MutexLock lock(&mu_);
    std::deque<ConnectionId>& turns = turns_[IndexOf(lane)];
    while (call == nullptr && !turns.empty()) {
      const ConnectionId connection = turns.front();
      turns.pop_front();
      const auto it = connections_.find(connection);
      if (it == connections_.end()) continue;  // What waited was refused.
      std::deque<CallPtr>& waiting = it->second->waiting[IndexOf(lane)];
      if (waiting.empty()) continue;
      call = std::move(waiting.front());
      waiting.pop_front();
      if (!waiting.empty()) turns.push_back(connection);
    }
  }
  if (call != nullptr) call->Run();
}

void ControlPlane::Answers(const CallPtr& call, uint64_t bytes) {
  GivesWay gives_way;
  {
    absl::MutexLock lock(&mu_);
    ChargeLocked(*call, kCallBytes + bytes);
    Connection& connection = *connections_[call->connection_];
    call->unread_ = connection.unread.insert(connection.unread.end(), call);
    call->is_unread_ = true;
    while (bytes_ > bytes_max_ && MakeRoomLocked(call->connection_, 0, gives_way)) {
    }
  }
  gives_way.Tell();
}

void ControlPlane::Leave(Call& call) {
  CallPtr last;  // Lets go of the call after the lock.
  absl::MutexLock lock(&mu_);
  if (call.is_unread_) last = *call.unread_;
  ForgetUnreadLocked(call);
  ChargeLocked(call, 0);
}

uint64_t ControlPlane::bytes() const {
  absl::MutexLock lock(&mu_);
  return bytes_;
}

bool ControlPlane::MakeRoomLocked(ConnectionId connection, uint64_t bytes, GivesWay& gives_way) {
  const auto largest = std::max_element(
      connections_.begin(), connections_.end(),
      [](const auto& a, const auto& b) { return a.second->bytes < b.second->bytes; });
  if (largest == connections_.end()) return false;
  const auto own = connections_.find(connection);
  const uint64_t own_bytes = own == connections_.end() ? 0 : own->second->bytes;
  if (largest->second->bytes <= own_bytes + bytes) return false;
  Connection& other = *largest->second;
  auto& lane = *std::max_element(other.waiting.begin(), other.waiting.end(),
                                 [](const auto& a, const auto& b) { return a.size() < b.size(); });
  CallPtr call;
  if (!lane.empty()) {
    call = std::move(lane.back());
    lane.pop_back();
    gives_way.refused.push_back(call);
  } else if (!other.unread.empty()) {
    call = other.unread.front();
    ForgetUnreadLocked(*call);
    gives_way.abandoned.push_back(call);
  } else {
    return false;  // All of it is being worked on.
  }
  ChargeLocked(*call, 0);
  return true;
}

void ControlPlane::ChargeLocked(Call& call, uint64_t charge) {
  if (call.charge_ == charge) return;
  auto it = connections_.find(call.connection_);
  if (it == connections_.end()) {
    it = connections_.emplace(call.connection_, std::make_unique<Connection>()).first;
  }
  it->second->bytes += charge - call.charge_;  // Modulo 2^64.
  bytes_ += charge - call.charge_;
  call.charge_ = charge;
  if (it->second->bytes == 0) connections_.erase(it);
}

void ControlPlane::ForgetUnreadLocked(Call& call) {
  if (!std::exchange(call.is_unread_, false)) return;
  connections_[call.connection_]->unread.erase(call.unread_);
}

}  // namespace tidemark::rpc
