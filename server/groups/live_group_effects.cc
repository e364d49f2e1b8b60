// How a group's effects are carried out.
#include <type_traits>
#include <utility>

#include "server/groups/live_group.h"

namespace tidemark::groups {
namespace {

template <typename... Callables>
struct Overloaded : Callables... {
  using Callables::operator()...;
};
template <typename... Callables>
Overloaded(Callables...) -> Overloaded<Callables...>;

}  // namespace

void LiveGroup::CollectLocked() {
  for (Effect& effect : group_.TakeEffects()) outbox_.push_back(std::move(effect));
}

std::shared_ptr<MemberListener> LiveGroup::ListenerLocked(const Effect& effect) {
  return std::visit(
      [this](const auto& kind) -> std::shared_ptr<MemberListener> {
        mu_.AssertHeld();
        using Kind = std::decay_t<decltype(kind)>;
        if constexpr (requires { kind.member; }) {
          const auto it = listeners_.find(kind.member);
          if (it == listeners_.end()) return nullptr;
          std::shared_ptr<MemberListener> listener = it->second;
          if (std::is_same_v<Kind, ClosedEffect>) listeners_.erase(it);
          return listener;
        } else {
          return nullptr;
        }
      },
      effect);
}

void LiveGroup::Drain() {
  // The last handle may go while a callback runs.
  const std::shared_ptr<LiveGroup> self = shared_from_this();
  mu_.Lock();
  if (draining_) {
    mu_.Unlock();
    return;
  }
  draining_ = true;
  while (!outbox_.empty()) {
    Effect effect = std::move(outbox_.front());
    outbox_.pop_front();
    const std::shared_ptr<MemberListener> listener = ListenerLocked(effect);
    mu_.Unlock();
    CarryOut(std::move(effect), listener.get());
    mu_.Lock();
  }
  draining_ = false;
  mu_.Unlock();
}

void LiveGroup::CarryOut(Effect effect, MemberListener* listener) {
  std::visit(Overloaded{
                 [&](AssignedEffect& assigned) {
                   if (listener != nullptr) listener->OnAssigned(std::move(assigned.partitions));
                 },
                 [&](RevokedEffect& revoked) {
                   if (listener == nullptr) return;
                   listener->OnRevoked(std::move(revoked.logs), revoked.deadline, revoked.number);
                 },
                 [&](TakenEffect& taken) {
                   if (listener != nullptr) listener->OnTaken(std::move(taken.logs));
                 },
                 [&](PausedEffect& paused) {
                   if (listener != nullptr) listener->OnPaused(paused.paused);
                 },
                 [&](ClosedEffect& closed) {
                   if (listener != nullptr) listener->OnClosed(std::move(closed.status));
                 },
                 [&](AnswerEffect& answer) { std::move(answer.answer)(); },
                 [&](WriteEffect& write) { Write(std::move(write)); },
                 [&](DeleteEffect&) { DeleteFromStore(); },
             },
             effect);
}

void LiveGroup::Write(WriteEffect write) {
  const std::shared_ptr<LiveGroup> self = shared_from_this();
  context_->log.CommitOffsets(
      std::move(write.writes),
      [self](std::vector<log::OffsetWrite>& prepared) {
        absl::MutexLock lock(&self->mu_);
        self->group_.ReviseWrite(prepared);
      },
      write.haste, [self](absl::Status status) { self->WriteEnded(status); });
}

void LiveGroup::WriteEnded(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    group_.WriteEnded(status, context_->clock.Now());
    CollectLocked();
  }
  Drain();
}

void LiveGroup::DeleteFromStore() {
  storage::GroupRecord record;
  absl::AnyInvocable<void()> forget;
  {
    absl::MutexLock lock(&mu_);
    record = group_.record();
    forget = std::move(forget_);
  }
  context_->log.Mutate(
      {.prepare =
           [record = std::move(record)](storage::WriteSet& set) {
             set.DeleteGroup(record);
             return absl::OkStatus();
           },
       .publish = std::move(forget),
       .done = [self = shared_from_this()](absl::Status status) { self->DeleteEnded(status); }});
}

void LiveGroup::DeleteEnded(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    group_.DeleteEnded(status, context_->clock.Now());
    if (work_ != nullptr && !status.ok()) work_->SetClosed(false);
    CollectLocked();
    AnswerLocked([done = std::move(deleted_), status]() mutable { std::move(done)(status); });
  }
  Drain();
}

}  // namespace tidemark::groups
