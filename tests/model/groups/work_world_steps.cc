// What happens to a work queue: clients that take, ack, nack, extend and vanish, time, crashes.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/model/groups/work_world.h"

namespace tidemark::groups {

WorkWorld::Client* WorkWorld::AnyClient(uint64_t& number) {
  if (clients_.empty()) return nullptr;
  auto it = clients_.begin();
  std::advance(it, random_.Below(clients_.size()));
  number = it->first;
  return &it->second;
}

void WorkWorld::Join() {
  if (clients_.size() >= 5) return;
  const uint64_t number = ++members_joined_;
  clients_[number];
  queue_->Join(MemberNumber(number), "c");
}

void WorkWorld::Leave(bool failed) {
  uint64_t number = 0;
  if (AnyClient(number) == nullptr) return;
  clients_.erase(number);
  queue_->Leave(MemberNumber(number), failed, now_us_);
  NoteDying();
  if (clients_.empty() && random_.OneIn(2)) (void)queue_->Unload();
}

void WorkWorld::CheckDelivered(uint64_t number, const Place& place, uint32_t attempts) {
  const auto [log, offset] = place;
  Truth& truth = truths_.at(log);
  const std::string name = absl::StrCat("event ", log, "/", offset);
  if (offset >= truth.events.size()) return Fail(name + " does not exist");
  const Event& event = truth.events[offset];
  if (!event.wanted) Fail(name + " was not asked for");
  if (truth.done.contains(offset)) Fail(name + " is delivered after it was acked");
  if (truth.discarded.contains(offset)) Fail(name + " is delivered after it was discarded");
  const bool redriven = queue_->IsRedriven(log, Offset(offset));
  if (truth.dead.contains(offset) && !redriven) Fail(name + " is delivered while it is dead");
  if (event.not_before_us > now_us_) Fail(name + " is delivered before its time");
  if (attempts == 0) Fail(name + " has no attempts");
  for (const auto& [other, client] : clients_) {
    if (client.held.contains(place)) Fail(name + " is in two hands");
  }
  if (options_.mode != storage::GroupMode::kKeyOrdered || event.key.empty()) return;
  for (uint64_t before = 0; before < offset; ++before) {
    const Event& earlier = truth.events[before];
    if (earlier.key != event.key || redriven) continue;
    if (options_.retry.block_key_after_dead_letter && truth.dead.contains(before)) {
      Fail(absl::StrCat(name, " comes though ", before, " blocks its key"));
    }
    if (truth.finished(before)) continue;
    if (options_.retry.skip_delayed && earlier.not_before_us > 0) continue;
    if (!clients_.at(number).held.contains({log, before})) {
      Fail(absl::StrCat(name, " comes before ", before, " of its key is done"));
    }
  }
}

void WorkWorld::Take() {
  uint64_t number = 0;
  Client* client = AnyClient(number);
  if (client == nullptr) return;
  const auto taken = queue_->Take(MemberNumber(number),
                                  {.events_max = random_.In(1, 6),
                                   .bytes_max = random_.OneIn(4) ? uint64_t{1} : uint64_t{1000}},
                                  now_us_);
  if (!taken.has_value()) return;
  for (uint32_t i = 0; i < taken->slice.count; ++i) {
    const Place place{taken->log, taken->slice.OffsetAt(i).value()};
    CheckDelivered(number, place, taken->attempts.empty() ? 1 : taken->attempts[i]);
    client->held[place] = {.due_us = now_us_ + options_.retry.lease_us, .order = ++deliveries_};
    client->lost.erase(place);
  }
}

std::optional<WorkWorld::Place> WorkWorld::AnyHeld(const Client& client) {
  if (client.held.empty()) return std::nullopt;
  auto it = client.held.begin();
  std::advance(it, random_.Below(client.held.size()));
  Place place = it->first;
  const std::string& key = EventAt(place).key;
  if (options_.mode != storage::GroupMode::kKeyOrdered || key.empty()) return place;
  uint64_t order = it->second.order;
  for (const auto& [other, hold] : client.held) {
    if (other.first != place.first || EventAt(other).key != key || hold.order > order) continue;
    place = other;
    order = hold.order;
  }
  return place;
}

void WorkWorld::Lose(Client& client, const Place& place) {
  const uint64_t order = client.held.at(place).order;
  const std::string& key = EventAt(place).key;
  const bool ordered = options_.mode == storage::GroupMode::kKeyOrdered && !key.empty();
  std::erase_if(client.held, [&](const auto& entry) {
    const bool later = ordered && entry.first.first == place.first &&
                       EventAt(entry.first).key == key && entry.second.order > order;
    if (entry.first != place && !later) return false;
    client.lost.insert(entry.first);
    return true;
  });
}

void WorkWorld::Ack() {
  uint64_t number = 0;
  Client* client = AnyClient(number);
  const std::optional<Place> place = client == nullptr ? std::nullopt : AnyHeld(*client);
  if (!place.has_value()) return;
  if (queue_->Ack(MemberNumber(number), place->first, Offset(place->second), now_us_)) {
    return Fail(absl::StrCat("the ack of ", place->first, "/", place->second, " was refused"));
  }
  client->held.erase(*place);
  Truth& truth = truths_.at(place->first);
  truth.dead.erase(place->second);
  truth.done.insert(place->second);
  unwritten_.insert(*place);
}

void WorkWorld::Nack() {
  uint64_t number = 0;
  Client* client = AnyClient(number);
  const std::optional<Place> place = client == nullptr ? std::nullopt : AnyHeld(*client);
  if (!place.has_value()) return;
  WorkQueue::NackOptions options{.dead_letter = random_.OneIn(6), .reason = "no"};
  if (random_.OneIn(3)) options.delay_us = random_.Below(3'000'000);
  const auto outcome =
      queue_->Nack(MemberNumber(number), place->first, Offset(place->second), options, now_us_);
  using Outcome = WorkQueue::NackOutcome;
  if (outcome != Outcome::kRetried && outcome != Outcome::kDying) Fail("a nack was refused");
  if (options.dead_letter && outcome != Outcome::kDying) Fail("a dead letter is retried");
  // What dies has no other way, though it is not buried yet.
  if (outcome == Outcome::kDying) truths_.at(place->first).dead.insert(place->second);
  Lose(*client, *place);
}

void WorkWorld::Extend() {
  uint64_t number = 0;
  Client* client = AnyClient(number);
  const std::optional<Place> place = client == nullptr ? std::nullopt : AnyHeld(*client);
  if (!place.has_value()) return;
  const uint64_t lease_us = random_.In(1, 30'000'000);
  if (queue_->Extend(MemberNumber(number), place->first, Offset(place->second), lease_us,
                     now_us_)) {
    Fail("an extension was refused");
  }
  client->held.at(*place).due_us = now_us_ + lease_us;
}

void WorkWorld::AckLost() {
  uint64_t number = 0;
  Client* client = AnyClient(number);
  if (client == nullptr || client->lost.empty()) return;
  auto it = client->lost.begin();
  std::advance(it, random_.Below(client->lost.size()));
  const auto rejection = queue_->Ack(MemberNumber(number), it->first, Offset(it->second), now_us_);
  if (rejection != WorkRejection::kFenced) {
    Fail(absl::StrCat("a late ack of ", it->first, "/", it->second,
                      rejection.has_value() ? " is of nothing in flight" : " was taken"));
  }
}

void WorkWorld::PassTime(uint64_t by_us) {
  now_us_ += by_us;
  queue_->Tick(now_us_);
  for (auto& [number, client] : clients_) {
    while (true) {
      const auto late =
          std::find_if(client.held.begin(), client.held.end(),
                       [this](const auto& entry) { return entry.second.due_us <= now_us_; });
      if (late == client.held.end()) break;
      Place place = late->first;
      // If an earlier one of its key was late, too, it was not this one's turn to fail.
      Lose(client, place);
    }
  }
  NoteDying();
}

// Those that failed for the last time.
void WorkWorld::NoteDying() {
  for (auto& [log, truth] : truths_) {
    for (uint64_t offset = 0; offset < truth.events.size(); ++offset) {
      if (queue_->IsDying(log, Offset(offset))) truth.dead.insert(offset);
    }
  }
}

void WorkWorld::Redrive() {
  const std::optional<Place> place = AnyLetter();
  if (!place.has_value()) return;
  (void)queue_->Redrive(place->first, Offset(place->second), *LetterAt(*place),
                        now_us_ + random_.Below(2'000'000), now_us_);
}

void WorkWorld::Discard() {
  const std::optional<Place> place = AnyLetter();
  if (!place.has_value()) return;
  queue_->Discard(place->first, Offset(place->second), *LetterAt(*place), now_us_);
  Truth& truth = truths_.at(place->first);
  truth.dead.erase(place->second);
  truth.discarded.insert(place->second);
  WriteAll();  // Else it could be chosen again before that is on disk.
}

// What clients hold of the log is not theirs any more, but for dead letters that are redriven.
void WorkWorld::ForgetHeld(LogId log) {
  for (auto& [number, client] : clients_) {
    std::erase_if(client.held, [&](const auto& entry) {
      const Place& place = entry.first;
      if (place.first != log || queue_->IsRedriven(log, Offset(place.second))) return false;
      client.lost.insert(place);
      return true;
    });
  }
}

// The group is moved, as SeekGroup does. Dead letters stay, and do not come again by it.
void WorkWorld::Rewind() {
  auto it = truths_.begin();
  std::advance(it, random_.Below(truths_.size()));
  auto& [log, truth] = *it;
  const uint64_t to = random_.Below(truth.events.size() + 1);
  queue_->PrepareRewind(log);
  std::vector<Offset> letters;
  for (uint64_t offset = to; offset < truth.events.size(); ++offset) {
    if (LetterAt({log, offset}).has_value()) letters.emplace_back(offset);
  }
  if (random_.OneIn(2)) EndWrite();
  if (random_.OneIn(2)) BeginWrite();
  if (random_.OneIn(4)) Nack();
  ForgetHeld(log);
  queue_->Rewind(log, Offset(to), letters);
  may_fall_ = true;
  WriteAll();
  may_fall_ = false;
  truth.dead.clear();
  truth.confirmed.clear();
  for (uint64_t offset = 0; offset < truth.events.size(); ++offset) {
    const bool dead = LetterAt({log, offset}).has_value();
    if (dead) truth.dead.insert(offset);
    truth.done.erase(offset);
    if (offset >= to) truth.discarded.erase(offset);
    if (offset < to && !dead) {
      truth.done.insert(offset);
      truth.confirmed.insert(offset);
    }
  }
}

// As UpdateGroup does: from the next failure on, and from where reading is.
void WorkWorld::UpdateSettings() {
  options_.retry.max_attempts.reset();
  if (random_.OneIn(2)) options_.retry.max_attempts = static_cast<uint32_t>(random_.In(1, 5));
  options_.retry.initial_backoff_us = random_.In(1, 2'000'000);
  queue_->SetRetry(options_.retry);
  if (random_.OneIn(2)) return;
  for (auto& [log, truth] : truths_) {
    // What was read once is of the old filter, also after a crash.
    for (uint64_t offset = truth.read_to; offset < truth.events.size(); ++offset) {
      truth.events[offset].wanted = !random_.OneIn(4);
    }
  }
}

// The group does not read the topic for a while.
void WorkWorld::LeaveAndReturn() {
  for (auto& [log, truth] : truths_) {
    queue_->RemovePartition(log, /*keep_rows=*/true);
    ForgetHeld(log);
    // Nobody knows any more what was in whose hands.
    for (auto& [number, client] : clients_) {
      std::erase_if(client.held, [&](const auto& entry) { return entry.first.first == log; });
      std::erase_if(client.lost, [&](const Place& place) { return place.first == log; });
    }
  }
  WriteAll();
  for (auto& [log, truth] : truths_) AddPartition(log, truth);
  ReadDisk();
}

void WorkWorld::Step() {
  const uint64_t choice = random_.Below(100);
  if (choice < 4) Join();
  if (choice >= 4 && choice < 6) Leave(random_.OneIn(2));
  if (choice >= 6 && choice < 14) Append();
  if (choice >= 14 && choice < 26) Read();
  if (choice >= 26 && choice < 34) Reread();
  if (choice >= 34 && choice < 52) Take();
  if (choice >= 52 && choice < 66) Ack();
  if (choice >= 66 && choice < 71) Nack();
  if (choice >= 71 && choice < 73) Extend();
  if (choice >= 73 && choice < 75) AckLost();
  if (choice >= 75 && choice < 82) PassTime(random_.Below(1'500'000));
  if (choice >= 82 && choice < 83) PassTime(options_.retry.lease_us);
  if (choice >= 83 && choice < 85) Redrive();
  if (choice >= 85 && choice < 86) Discard();
  if (choice >= 86 && choice < 92) BeginWrite();
  if (choice >= 92 && choice < 98) EndWrite();
  if (choice == 98) queue_->AgeDeliveries();
  if (choice == 99 && random_.OneIn(4)) Rewind();
  if (choice == 99 && random_.OneIn(4)) UpdateSettings();
  if (choice == 99 && random_.OneIn(4)) LeaveAndReturn();
  if (choice == 99 && random_.OneIn(8)) Crash();
  queue_->CheckInvariants();
}

void WorkWorld::Finish() {
  const auto finished = [this] {
    for (const auto& [log, truth] : truths_) {
      for (uint64_t offset = 0; offset < truth.events.size(); ++offset) {
        if (!truth.finished(offset) || truth.dead.contains(offset)) return false;
      }
    }
    return true;
  };
  for (int round = 0; round < 200'000 && !finished() && problem_.empty(); ++round) {
    if (clients_.empty()) Join();
    Read();
    Reread();
    Take();
    Ack();
    if (round % 10 == 0) PassTime(500'000);
    BeginWrite();
    EndWrite();
    if (round % 50 == 0) Discard();
    queue_->CheckInvariants();
  }
  if (finished()) return;
  for (const auto& [log, truth] : truths_) {
    for (uint64_t offset = 0; offset < truth.events.size(); ++offset) {
      if (truth.finished(offset) && !truth.dead.contains(offset)) continue;
      const WorkFigures figures = queue_->Figures(log);
      Fail(absl::StrCat(
          "the queue never finishes ", log, "/", offset, " of key '", truth.events[offset].key,
          "', which ", truth.dead.contains(offset) ? "is" : "is not", " dead; it reads from ",
          queue_->ReadFrom(log), " and has ", figures.window_events, " events, ",
          figures.waiting_events, " wait, ", figures.in_flight_events, " are in flight, ",
          figures.blocked_keys, " keys are blocked, ", figures.dead_letters, " are dead"));
    }
  }
}

}  // namespace tidemark::groups
