#include "client/cpp/src/handler_pool.h"

#include <algorithm>
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
  const size_t at = job.key.empty() ? next_lane_++ : absl::HashOf(job.partition, job.key);
  Lane& lane = *lanes_[at % lanes_.size()];
  absl::MutexLock lock(&mu_);
  const bool behind_failed =
      std::any_of(failed_.begin(), failed_.end(), [&job](const auto& failed) {
        return failed.second == job.key && failed.first == job.partition;
      });
  if (lane.stopped || behind_failed) {
    results_.push_back(
        {job.partition, job.event.offset, "", {.kind = Outcome::Kind::kDropped}, job.delivery});
    return;
  }
  lane.jobs.push_back(std::move(job));
}

void HandlerPool::DropJobsLocked(Lane& lane, absl::FunctionRef<bool(const Job&)> drop) {
  std::deque<Job> kept;
  for (Job& job : lane.jobs) {
    if (!drop(job)) {
      kept.push_back(std::move(job));
      continue;
    }
    results_.push_back(
        {job.partition, job.event.offset, "", {.kind = Outcome::Kind::kDropped}, job.delivery});
  }
  lane.jobs = std::move(kept);
}

void HandlerPool::Drop(const AckBook::Partition& partition) {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    DropJobsLocked(*lane, [&](const Job& job) { return job.partition == partition; });
    if (lane->running != nullptr && *lane->running == partition) lane->drop_running = true;
  }
}

void HandlerPool::DropAll() {
  absl::MutexLock lock(&mu_);
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    DropJobsLocked(*lane, [](const Job&) { return true; });
    if (lane->running != nullptr) lane->drop_running = true;
  }
}

// What waits behind a failed event of a key is handled after it only.
void HandlerPool::EndJobLocked(Lane& lane, const Job& job, Outcome outcome) {
  lane.running = nullptr;
  Result result{job.partition, job.event.offset, "", std::move(outcome), job.delivery};
  if (result.outcome.kind == Outcome::Kind::kStop) {
    lane.stopped = true;
    DropJobsLocked(lane, [](const Job&) { return true; });
  } else if (result.outcome.kind == Outcome::Kind::kFailed && !job.key.empty()) {
    result.key = std::string(job.key);
    failed_.emplace_back(job.partition, result.key);
    DropJobsLocked(lane, [&](const Job& other) {
      return other.key == job.key && other.partition == job.partition;
    });
  }
  results_.push_back(std::move(result));
}

std::vector<HandlerPool::Result> HandlerPool::TakeResults() {
  std::vector<Result> results;
  {
    absl::MutexLock lock(&mu_);
    results.swap(results_);
    failed_.clear();
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
      EndJobLocked(lane, job, std::move(outcome));
    }
    wake_();
  }
}

}  // namespace tidemark::internal
