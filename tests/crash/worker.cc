#include "tests/crash/worker.h"

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tidemark::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr absl::Duration kLook = absl::Milliseconds(50);

}  // namespace

class Worker::Listener final : public groups::MemberListener {
 public:
  void OnAssigned(std::vector<groups::AssignedPartition>) override {}
  void OnRevoked(std::vector<LogId>, absl::Time, uint64_t) override {}
  void OnPaused(bool) override {}
  void OnTaken(std::vector<LogId>) override {}
  void OnClosed(absl::Status) override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    closed_ = true;
  }
  void OnWork() override ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    work_ = true;
  }
  // False: the membership is over.
  bool Wait(const std::function<bool()>& gives_up) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto told = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return work_ || closed_; };
    for (absl::Duration waited; waited < kPatience; waited += kLook) {
      {
        absl::MutexLock lock(&mu_);
        if (mu_.AwaitWithTimeout(absl::Condition(&told), kLook)) {
          work_ = false;
          return !closed_;
        }
      }
      if (gives_up()) return false;
    }
    return false;
  }

 private:
  absl::Mutex mu_;
  bool work_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

bool Worker::Join(groups::GroupCoordinator& groups) {
  listener_ = std::make_shared<Listener>();
  auto joined = log::Await<groups::JoinResult>([&](auto done) {
    groups.Join({.group = group_,
                 .topics = {topic_},
                 .mode = storage::GroupMode::kKeyOrdered,
                 .retry = storage::RetryPolicy{.initial_backoff_us = 1},
                 .client_name = "c"},
                listener_, std::move(done));
  });
  if (!joined.ok()) return false;
  member_ = joined->member;
  work_ = joined->work;
  return true;
}

void Worker::Leave() {
  if (work_ != nullptr) work_->GiveBack();
  work_.reset();
  if (member_ != nullptr) member_->Leave();
  member_.reset();
}

bool Worker::Handle(Random& random, size_t events_max) {
  for (size_t handled = 0; handled < events_max;) {
    const auto taken =
        work_->Take({.events_max = static_cast<uint32_t>(random.In(1, 6)), .bytes_max = 1 << 20});
    if (!taken.delivery.has_value()) {
      if (taken.at_end) return true;
      if (!listener_->Wait(gives_up_)) return false;
      continue;
    }
    for (uint32_t i = 0; i < taken.delivery->slice.count; ++i, ++handled) {
      if (!HandleOne(random, {taken.delivery->log, taken.delivery->slice.OffsetAt(i)})) {
        return false;
      }
    }
  }
  return true;
}

bool Worker::HandleOne(Random& random, Place place) {
  trying_ = place;
  const bool kills = random.OneIn(8);
  const bool fails = random.OneIn(4);
  const groups::EventRef event{place.first, place.second};
  const auto result = log::Await<groups::EventsResult>([&](auto done) {
    if (!kills && !fails) return work_->Ack({event}, std::move(done));
    groups::WorkQueue::NackOptions options{.delay_us = 0, .dead_letter = kills, .reason = "no"};
    work_->Nack({event}, std::move(options), std::move(done));
  });
  if (!result.ok()) return false;
  trying_.reset();
  if (!result->rejected.empty()) return true;  // Taken back: an earlier one of its key failed.
  if (kills) dead_.insert(place);
  if (!kills && !fails) acked_.insert(place);
  return true;
}

bool Worker::TakeAll(std::set<Place>& delivered) {
  while (true) {
    const auto taken = work_->Take({.events_max = 100, .bytes_max = 1 << 20});
    if (!taken.delivery.has_value()) {
      if (taken.at_end) return true;
      if (!listener_->Wait(gives_up_)) return false;
      continue;
    }
    for (uint32_t i = 0; i < taken.delivery->slice.count; ++i) {
      delivered.emplace(taken.delivery->log, taken.delivery->slice.OffsetAt(i));
    }
  }
}

std::set<Worker::Place> Worker::DeadLetters(groups::GroupCoordinator& groups) {
  std::set<Place> dead;
  const auto letters = groups.ListDeadLetters(group_, std::nullopt, {}, 1000);
  if (!letters.ok()) return dead;
  for (const auto& letter : letters->letters) {
    const auto log = work_->work().FindLog(letter.place.topic, letter.place.partition);
    if (log.has_value()) dead.emplace(*log, letter.place.offset);
  }
  return dead;
}

std::vector<std::string> Worker::Check(groups::GroupCoordinator& groups,
                                       const std::set<Place>& readable,
                                       const std::set<Place>& erased) {
  if (!Join(groups)) return {"the group cannot be joined"};
  std::set<Place> delivered;
  if (!TakeAll(delivered)) return {"the member was closed"};
  const std::set<Place> dead = DeadLetters(groups);
  std::vector<std::string> wrong;
  const auto is_wrong = [&](Place place, absl::string_view what) {
    wrong.push_back(absl::StrCat("group ", group_, ": offset ", place.second.value(), " of log ",
                                 place.first.value(), " ", what));
  };
  for (const Place& place : delivered) {
    if (acked_.contains(place)) is_wrong(place, "was acked and comes again");
    if (erased.contains(place)) is_wrong(place, "was erased and is delivered");
  }
  for (const Place& place : dead) {
    if (acked_.contains(place)) is_wrong(place, "was acked and is a dead letter");
    if (erased.contains(place)) is_wrong(place, "was erased and is a dead letter");
    if (delivered.contains(place)) is_wrong(place, "is a dead letter and comes again");
  }
  for (const Place& place : readable) {
    if (dead.contains(place)) continue;
    if (dead_.contains(place)) is_wrong(place, "was a dead letter and is none");
    if (delivered.contains(place) || acked_.contains(place)) continue;
    if (trying_ == place) {
      acked_.insert(place);
    } else {
      is_wrong(place, "is gone");
    }
  }
  dead_ = dead;
  trying_.reset();
  Leave();
  return wrong;
}

}  // namespace tidemark::testing
