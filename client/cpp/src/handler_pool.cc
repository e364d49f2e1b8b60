#include "client/cpp/src/handler_pool.h"

#include <utility>

#include "absl/hash/hash.h"

namespace tidemark::internal {

HandlerPool::HandlerPool(int threads, RunFn run, std::function<void()> wake)
    : run_(std::move(run)), wake_(std::move(wake)) {
  for (int i = 0; i < threads; ++i) lanes_.push_back(std::make_unique<Lane>());
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    lane->thread = std::thread([this, &lane = *lane] { RunLane(lane); });
  }
}

HandlerPool::~HandlerPool() {
  DropAll();
  {
    absl::MutexLock lock(&mu_);
    closing_ = true;
  }
  for (const std::unique_ptr<Lane>& lane : lanes_) lane->thread.join();
}

void HandlerPool::Add(Job job) {
  ++in_hand_;
  ++in_hand_of_[job.partition];
  const absl::string_view key = job.event.event.key;
  const size_t at = key.empty() ? next_lane_++ : absl::HashOf(job.partition, key);
  Lane& lane = *lanes_[at % lanes_.size()];
  absl::MutexLock lock(&mu_);
  if (lane.stopped) {
    results_.push_back({job.partition, job.event.offset, {.kind = Outcome::Kind::kDropped}});
    return;
  }
  lane.jobs.push_back(std::move(job));
}

void HandlerPool::DropJobsLocked(Lane& lane, const AckBook::Partition* partition) {
  std::deque<Job> kept;
  for (Job& job : lane.jobs) {
    if (partition != nullptr && job.partition != *partition) {
      kept.push_back(std::move(job));
      continue;
    }
    results_.push_back({job.partition, job.event.offset, {.kind = Outcome::Kind::kDropped}});
  }
  lane.jobs = std::move(kept);
  if (lane.running == nullptr) return;
  if (partition == nullptr || *lane.running == *partition) lane.drop_running = true;
}

void HandlerPool::Drop(const AckBook::Partition& partition) {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Lane>& lane : lanes_) DropJobsLocked(*lane, &partition);
}

void HandlerPool::DropAll() {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Lane>& lane : lanes_) DropJobsLocked(*lane, nullptr);
}

std::vector<HandlerPool::Result> HandlerPool::TakeResults() {
  std::vector<Result> results;
  {
    absl::MutexLock lock(&mu_);
    results.swap(results_);
  }
  in_hand_ -= results.size();
  for (const Result& result : results) {
    const auto it = in_hand_of_.find(result.partition);
    if (--it->second == 0) in_hand_of_.erase(it);
  }
  return results;
}

size_t HandlerPool::in_hand(const AckBook::Partition& partition) const {
  const auto it = in_hand_of_.find(partition);
  return it == in_hand_of_.end() ? 0 : it->second;
}

bool HandlerPool::PauseLane(Lane& lane, absl::Duration pause) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&lane.drop_running), pause);
  return !lane.drop_running;
}

void HandlerPool::RunLane(Lane& lane) {
  const auto has_work = [this, &lane]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return closing_ || !lane.jobs.empty();
  };
  const auto pause = [this, &lane](absl::Duration duration) { return PauseLane(lane, duration); };
  while (true) {
    Job job;
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&has_work));
      if (lane.jobs.empty()) return;
      job = std::move(lane.jobs.front());
      lane.jobs.pop_front();
      lane.running = &job.partition;
      lane.drop_running = false;
    }
    Outcome outcome = run_(job.event, pause);
    {
      absl::MutexLock lock(&mu_);
      lane.running = nullptr;
      if (outcome.kind == Outcome::Kind::kStop) {
        lane.stopped = true;
        DropJobsLocked(lane, nullptr);
      }
      results_.push_back({job.partition, job.event.offset, std::move(outcome)});
    }
    wake_();
  }
}

}  // namespace tidemark::internal
