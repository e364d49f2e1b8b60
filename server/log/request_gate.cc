#include "server/log/request_gate.h"

#include <utility>

namespace tidemark::log {
namespace {

// One may read a long stretch after a start; look-ups of others take microseconds.
constexpr int kThreads = 2;

}  // namespace

RequestGate::RequestGate(CommitPipeline& pipeline, KeyCounts& keys)
    : pipeline_(pipeline), keys_(keys), threads_("keys", kThreads) {}

void RequestGate::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  threads_.Shutdown();
}

bool RequestGate::IsReady(AppendRequest& request) {
  for (KeyCondition& condition : request.conditions) {
    if (condition.opened == nullptr && !keys_.Find(condition)) return false;
  }
  return request.participant == nullptr || request.participant->IsReady();
}

absl::Status RequestGate::MakeReady(AppendRequest& request) {
  for (KeyCondition& condition : request.conditions) {
    if (condition.opened != nullptr || keys_.Find(condition)) continue;
    if (absl::Status status = keys_.Load(condition); !status.ok()) return status;
  }
  if (request.participant == nullptr || request.participant->IsReady()) return absl::OkStatus();
  return request.participant->MakeReady();
}

void RequestGate::Append(AppendRequest request, AppendCallback done) {
  const bool ready = IsReady(request);
  absl::Status refused;
  {
    absl::MutexLock lock(&mu_);
    const bool behind = request.in_order && flows_.contains(request.flow);
    if (stopping_) {
      refused = CommitPipeline::Stopping();
    } else if (behind || !ready) {
      refused = HoldLocked(request, done, behind);
      if (refused.ok()) return;
    }
  }
  if (!refused.ok()) return pipeline_.Refuse(refused, std::move(done));
  pipeline_.Append(std::move(request), std::move(done));
}

absl::Status RequestGate::HoldLocked(AppendRequest& request, AppendCallback& done, bool behind) {
  const absl::StatusOr<uint64_t> bytes = pipeline_.Hold(request);
  if (!bytes.ok()) return bytes.status();
  held_.fetch_add(1, std::memory_order_relaxed);
  auto held = std::make_unique<Held>(Held{std::move(request), std::move(done), *bytes});
  if (behind) {
    flows_[held->request.flow].push_back(std::move(held));
    return absl::OkStatus();
  }
  if (held->request.in_order) flows_.try_emplace(held->request.flow);
  threads_.Schedule([this, held = std::move(held)]() mutable { Work(std::move(held)); });
  return absl::OkStatus();
}

void RequestGate::Work(std::unique_ptr<Held> held) {
  const FlowId flow = held->request.flow;
  const bool in_order = held->request.in_order;
  LetGo(std::move(held));
  while (in_order) {
    {
      absl::MutexLock lock(&mu_);
      const auto it = flows_.find(flow);
      if (it->second.empty()) {
        flows_.erase(it);
        return;
      }
      held = std::move(it->second.front());
      it->second.pop_front();
    }
    LetGo(std::move(held));
  }
}

void RequestGate::LetGo(std::unique_ptr<Held> held) {
  const absl::Status status = MakeReady(held->request);
  if (status.ok()) {
    pipeline_.Append(std::move(held->request), std::move(held->done), held->bytes);
  } else {
    pipeline_.LetGo(held->bytes);
    std::move(held->done)(status);
  }
  // Last: who sees that nothing is held may go straight into the pipeline.
  held_.fetch_sub(1, std::memory_order_release);
}

}  // namespace tidemark::log
