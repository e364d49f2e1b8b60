// What happens to a group: clients that join, read, ack and break, hands that set offsets, time,
// crashes; and the end, in peace.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/model/groups/group_world.h"

namespace tidemark::groups {

GroupWorld::Client* GroupWorld::AnyClient(MemberNumber& number) {
  if (clients_.empty()) return nullptr;
  auto it = clients_.begin();
  std::advance(it, random_.Below(clients_.size()));
  number = it->first;
  return &it->second;
}

void GroupWorld::Join() {
  if (clients_.size() >= 6) return;
  const MemberNumber number(++members_joined_);
  clients_[number];
  group_->Join(number, {.client_name = "c", .address = "a", .join_time = now_}, now_);
  CarryOut();
}

void GroupWorld::Leave() {
  MemberNumber number;
  if (AnyClient(number) == nullptr) return;
  clients_.erase(number);
  for (auto& [log, truth] : truths_) {
    if (truth.owner == number) truth.owner.reset();
  }
  group_->Leave(number, now_);
  CarryOut();
}

void GroupWorld::Append() {
  auto it = truths_.begin();
  std::advance(it, random_.Below(truths_.size()));
  Truth& truth = it->second;
  std::vector<storage::BatchPtr> batches;
  auto batch = std::make_shared<storage::StoredBatch>();
  batch->header.log = it->first;
  batch->header.base_offset = Offset(truth.wanted.size());
  batch->header.count = static_cast<uint32_t>(random_.In(1, 6));
  for (uint32_t i = 0; i < batch->header.count; ++i) truth.wanted.push_back(random_.OneIn(2));
  batches.push_back(std::move(batch));
  truth.partition->Publish(batches);
}

// Up to a few offsets further, as the feed does: a batch, or a stretch without a match.
void GroupWorld::Deliver(MemberNumber number, Client& client) {
  if (client.readings.empty()) return;
  auto it = client.readings.begin();
  std::advance(it, random_.Below(client.readings.size()));
  const auto& [log, reading] = *it;
  const Truth& truth = truths_.at(log);
  const uint64_t until = std::min<uint64_t>(truth.wanted.size(), reading.next + random_.In(1, 8));
  uint64_t events = 0;
  uint64_t end = reading.next;
  for (uint64_t offset = reading.next; offset < until; ++offset) {
    if (!truth.wanted[offset]) continue;
    ++events;
    end = offset + 1;
  }
  const bool claimed = group_->Progress(number, log, Offset(end), Offset(until), events, now_);
  if (claimed == it->second.revoked) Fail("a claim was answered against the revocation");
  if (!group_->TakeEffects().empty()) Fail("Progress has effects");
  if (!claimed) return;
  it->second.next = until;
  if (events > 0) it->second.delivered = end;
}

// What was on its way to the server when the seek came; everything it says later comes after it.
void GroupWorld::SendLate(MemberNumber number, Client& client) {
  while (!client.late.empty()) {
    const SentAck sent = client.late.front();
    client.late.pop_front();
    if (const auto it = client.readings.find(sent.log); it != client.readings.end()) {
      it->second.acked = std::max(it->second.acked, sent.up_to);
    }
    const TopicPartition place = PlaceOf(sent.log);
    group_->Ack(
        number, {{place.topic, place.partition, Offset(sent.up_to)}},
        [this](absl::StatusOr<AckResult> result) {
          const bool fenced = result.ok() && result->rejected.size() == 1 &&
                              result->rejected[0].reason == AckRejection::kFenced;
          if (!fenced) Fail("an ack from before a seek was not fenced");
        },
        now_);
    CarryOut();
    if (!clients_.contains(number)) return;
  }
}

void GroupWorld::SendStaleRelease(MemberNumber number, Client& client) {
  if (client.release_sent.empty()) return;
  const auto [log, revocation] = *client.release_sent.begin();
  client.release_sent.erase(client.release_sent.begin());
  if (!client.readings.contains(log)) return;
  const std::optional<MemberNumber> owner = truths_.at(log).owner;
  group_->Release(number, {PlaceOf(log)}, revocation, now_);
  CarryOut();
  if (truths_.at(log).owner != owner) Fail("the answer to an older seek was taken for a newer one");
}

void GroupWorld::SeekOne(LogId log, Offset to) {
  Truth& truth = truths_.at(log);
  ++truth.seeks;
  ++truth.seeks_on_their_way;
  DoneIsBelow(truth, to.value());
  if (!truth.owner.has_value()) return;
  Client& client = clients_.at(*truth.owner);
  Reading& reading = client.readings.at(log);
  reading.fenced = true;
  const bool has_late = std::any_of(client.late.begin(), client.late.end(),
                                    [log](const SentAck& sent) { return sent.log == log; });
  if (reading.acked < reading.delivered && !has_late && random_.OneIn(2)) {
    client.late.push_back({log, random_.In(reading.acked, reading.delivered)});
  }
}

// Moves some partitions, forwards or back, whoever owns them.
void GroupWorld::Seek() {
  std::vector<TopicPartitionOffset> targets;
  for (auto& [log, truth] : truths_) {
    if (!random_.OneIn(3)) continue;
    const Offset to(random_.Below(truth.wanted.size() + 1));
    const TopicPartition place = PlaceOf(log);
    targets.push_back({place.topic, place.partition, to});
    SeekOne(log, to);
  }
  const absl::StatusOr<std::vector<SeekMove>> plan = group_->PlanSeek(targets);
  if (!plan.ok() || plan->size() != targets.size()) return Fail("a seek cannot be planned");
  group_->Seek(
      targets,
      [this, life = life_](absl::StatusOr<std::vector<SeekMove>> moves) {
        if (life != life_) return Fail("an answer came after the crash");
        if (!moves.ok()) return Fail(absl::StrCat("seek: ", moves.status().ToString()));
        OnSought(*moves);
      },
      now_);
  CarryOut();
}

void GroupWorld::OnSought(const std::vector<SeekMove>& moves) {
  for (const SeekMove& move : moves) {
    Truth& truth = truths_.at(move.partition->log());
    if (--truth.seeks_on_their_way > 0) continue;
    if (!truth.on_disk.has_value()) return Fail("a seek is answered and not on disk");
    if (truth.on_disk->value() > truth.first_undone()) Fail("a seek left something behind");
    truth.confirmed = truth.on_disk;
  }
}

void GroupWorld::AckTo(MemberNumber number, LogId log, uint64_t up_to) {
  SendLate(number, clients_.at(number));
  if (!clients_.contains(number) || !clients_.at(number).readings.contains(log)) return;
  Truth& truth = truths_.at(log);
  Reading& reading = clients_.at(number).readings.at(log);
  if (up_to > reading.next) return;  // Assigned anew meanwhile.
  reading.acked = std::max(reading.acked, up_to);
  if (reading.fenced) {
    clients_.at(number).late.push_back({log, up_to});
    return SendLate(number, clients_.at(number));
  }
  for (uint64_t offset = 0; offset < up_to; ++offset) {
    if (truth.wanted[offset]) truth.done.insert(offset);
  }
  const TopicPartition place = PlaceOf(log);
  group_->Ack(
      number, {{place.topic, place.partition, Offset(up_to)}},
      [this, log, up_to, life = life_, seeks = truth.seeks](absl::StatusOr<AckResult> result) {
        if (life != life_) return Fail("an answer came after the crash");
        if (truths_.at(log).seeks == seeks) OnAcked(log, up_to, std::move(result));
      },
      now_);
  CarryOut();
}

void GroupWorld::Ack(MemberNumber number, Client& client) {
  SendLate(number, client);
  if (!clients_.contains(number) || client.readings.empty()) return;
  auto it = client.readings.begin();
  std::advance(it, random_.Below(client.readings.size()));
  if (!random_.OneIn(20)) {
    return AckTo(number, it->first, random_.Below(it->second.delivered + 1));
  }
  const TopicPartition place = PlaceOf(it->first);
  group_->Ack(
      number, {{place.topic, place.partition, Offset(it->second.next + 1)}},
      [this](absl::StatusOr<AckResult> result) {
        const bool refused = result.ok() && result->rejected.size() == 1;
        if (!refused || !result->committed.empty()) Fail("an ack of the future was taken");
      },
      now_);
  CarryOut();
}

void GroupWorld::AckAll(MemberNumber number, Client& client) {
  const std::map<LogId, Reading> readings = client.readings;
  for (const auto& [log, reading] : readings) {
    if (reading.acked < reading.delivered) AckTo(number, log, reading.delivered);
    if (!clients_.contains(number)) return;
  }
}

void GroupWorld::OnAcked(LogId log, uint64_t up_to, absl::StatusOr<AckResult> result) {
  if (!result.ok()) return Fail(absl::StrCat("ack: ", result.status().ToString()));
  if (!result->rejected.empty()) return Fail("a rightful ack was rejected");
  Truth& truth = truths_.at(log);
  const Offset committed = result->committed.at(0).offset;
  if (truth.on_disk != committed) Fail("a confirmed offset is not on disk");
  if (committed.value() < up_to) Fail("confirmed too little");
  truth.confirmed = committed;
}

void GroupWorld::AckLost(MemberNumber number, Client& client) {
  SendLate(number, client);
  if (!clients_.contains(number) || client.lost.empty()) return;
  const auto [log, delivered] = *client.lost.begin();
  client.lost.erase(client.lost.begin());
  if (client.readings.contains(log)) return;
  const TopicPartition place = PlaceOf(log);
  group_->Ack(
      number, {{place.topic, place.partition, Offset(delivered)}},
      [this](absl::StatusOr<AckResult> result) {
        if (!result.ok()) return Fail("a fenced ack failed");
        const bool fenced =
            result->rejected.size() == 1 && result->rejected[0].reason == AckRejection::kFenced;
        if (!fenced) Fail("an ack of a lost partition was not fenced");
      },
      now_);
  CarryOut();
}

void GroupWorld::Release(MemberNumber number, Client& client) {
  SendLate(number, client);
  if (!clients_.contains(number)) return;
  SendStaleRelease(number, client);
  if (client.readings.empty()) return;
  auto it = client.readings.begin();
  std::advance(it, random_.Below(client.readings.size()));
  releasing_ = it->first;
  const bool revoked = it->second.revoked;
  const auto revocation =
      random_.OneIn(2) ? std::make_optional(it->second.revocation) : std::nullopt;
  group_->Release(number, {PlaceOf(it->first)}, revocation, now_);
  CarryOut();
  if (revoked && truths_.at(*releasing_).owner == number &&
      client.readings.at(*releasing_).revoked) {
    Fail("a released partition is kept");
  }
  releasing_.reset();
}

// Sets an offset somewhere, forwards or back. Only what nobody owns may be set so.
void GroupWorld::CommitByHand() {
  auto it = truths_.begin();
  std::advance(it, random_.Below(truths_.size()));
  const TopicPartition place = PlaceOf(it->first);
  Truth& truth = it->second;
  const Offset offset(random_.Below(truth.wanted.size() + 1));
  Flush();  // So that the next write is this one's.
  const bool owned = truth.owner.has_value();
  if (!owned) {
    truth.done.erase(truth.done.lower_bound(offset.value()), truth.done.end());
    for (uint64_t i = 0; i < offset.value(); ++i) {
      if (truth.wanted[i]) truth.done.insert(i);
    }
  }
  auto answer = std::make_shared<std::optional<absl::Status>>();
  group_->CommitOffsets(
      {{.topic = place.topic, .partition = place.partition, .offset = offset}},
      /*allow_rewind=*/true, [answer](absl::Status status) { *answer = std::move(status); }, now_);
  CarryOut();
  rewinding_ = true;
  Flush();
  rewinding_ = false;
  if (!answer->has_value()) return Fail("a commit by hand is not answered");
  if ((*answer)->ok() == owned) return Fail("a commit by hand was answered wrongly");
  if (owned) return;
  if (truth.on_disk != offset) Fail("a commit by hand is not on disk");
  truth.confirmed = offset;
}

// Writes until nothing waits.
void GroupWorld::Flush() {
  for (int i = 0; i < 100; ++i) {
    PassTime(absl::ZeroDuration());
    if (disk_queue_.empty()) return;
    WriteOne();
  }
  Fail("the disk has no end of work");
}

void GroupWorld::PassTime(absl::Duration by) {
  now_ += by;
  group_->Tick(now_);
  CarryOut();
  for (const auto& [number, client] : clients_) {
    for (const auto& [log, reading] : client.readings) {
      if (reading.revoked && reading.deadline <= now_) Fail("a deadline has no effect");
    }
  }
}

void GroupWorld::Step() {
  MemberNumber number;
  Client* client = AnyClient(number);
  const uint64_t choice = random_.Below(100);
  if (choice < 4) return Join();
  if (choice < 7) return Leave();
  if (choice < 17) return Append();
  if (choice < 25) return PassTime(absl::Milliseconds(random_.Below(1500)));
  if (choice < 26) return PassTime(kRevokeTimeout);
  if (choice < 27) return random_.OneIn(2) ? CommitByHand() : Seek();
  if (choice < 28 && random_.OneIn(4)) return CrashAndRestart();
  if (choice < 45) return WriteOne();
  if (client == nullptr) return;
  if (choice < 70) return Deliver(number, *client);
  if (choice < 93) return Ack(number, *client);
  if (choice < 97) return AckLost(number, *client);
  Release(number, *client);
}

void GroupWorld::Finish() {
  if (clients_.empty()) Join();
  const auto done = [this] {
    return std::all_of(truths_.begin(), truths_.end(), [](const auto& entry) {
      const Truth& truth = entry.second;
      if (truth.wanted.empty()) return true;
      return truth.on_disk == Offset(truth.wanted.size());
    });
  };
  for (int round = 0; round < 20'000 && !done() && problem_.empty(); ++round) {
    MemberNumber number;
    Client* client = AnyClient(number);
    Deliver(number, *client);
    SendStaleRelease(number, *client);
    AckAll(number, *client);
    if (clients_.empty()) Join();
    if (round % 10 == 0) PassTime(absl::Seconds(1));
    WriteOne();
  }
  if (!done()) Fail("the group never finishes");
  for (const auto& [log, truth] : truths_) {
    if (truth.first_undone() != truth.wanted.size()) Fail("an event was never handled");
  }
}

}  // namespace tidemark::groups
