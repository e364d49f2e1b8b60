// WorkWorld: a work queue, its members, their clients, the log and the disk, as a plain reference
// that checks the queue's promises after every step.
//
// What is checked: an event is in one client's hands; events of a key come in order, none before
// those before it are done or in the same client's hands; an ack counts only of who holds the
// event; what the disk says is done was acked or is a dead letter; a confirmed ack, nack or dead
// letter is on disk, also after a crash; committed offsets do not fall; attempts are counted;
// nothing is skipped: in the end each event was acked or became a dead letter.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/groups/work_queue.h"
#include "tests/support/random.h"

namespace tidemark::groups {

class WorkWorld {
 public:
  explicit WorkWorld(uint64_t seed);

  void Step();
  // Lets everybody finish in peace, then checks that nothing is left to do.
  void Finish();
  // What is wrong; empty while all is well.
  const std::string& problem() const { return problem_; }

 private:
  using Place = std::pair<LogId, uint64_t>;
  struct Event {
    std::string key;  // Empty: none.
    bool wanted = true;
    uint64_t not_before_us = 0;
    std::string entry;  // As it is stored.
  };
  struct Truth {
    PartitionIndex index;
    std::vector<Event> events;
    std::set<uint64_t> done;  // Acked.
    std::set<uint64_t> dead;  // Dead letters, those being redriven included.
    std::set<uint64_t> discarded;
    std::set<uint64_t> confirmed;  // Of done: durable.
    uint64_t read_to = 0;          // The farthest.
    bool finished(uint64_t offset) const {
      return !events[offset].wanted || done.contains(offset) || dead.contains(offset) ||
             discarded.contains(offset);
    }
  };
  struct Hold {
    uint64_t due_us = 0;
    uint64_t order = 0;  // Of its delivery.
  };
  struct Client {
    std::map<Place, Hold> held;
    std::set<Place> lost;
  };

  void Fail(const std::string& what);
  void StartQueue();
  void AddPartition(LogId log, const Truth& truth);
  void ReadRows(LogId log, RestoredWork& restored,
                std::vector<std::pair<Offset, storage::DeadLetter>>& letters) const;
  const Event& EventAt(const Place& place) const {
    return truths_.at(place.first).events[place.second];
  }

  void Append();
  void Read();
  void Reread();
  void Join();
  void Leave(bool failed);
  void Take();
  void CheckDelivered(uint64_t number, const Place& place, uint32_t attempts);
  void Ack();
  void Nack();
  void Extend();
  void AckLost();
  void PassTime(uint64_t by_us);
  void NoteDying();
  void Redrive();
  void Discard();
  void Rewind();
  void UpdateSettings();
  void LeaveAndReturn();
  // Writes until nothing is left to write.
  void WriteAll();
  void ForgetHeld(LogId log);
  void BeginWrite();
  void EndWrite();
  void Crash();
  void ReadDisk();

  Client* AnyClient(uint64_t& number);
  // One that its client may speak about: the first of its key that it holds.
  std::optional<Place> AnyHeld(const Client& client);
  // The client no longer holds it, nor what came after it of its key.
  void Lose(Client& client, const Place& place);
  void Apply(const WorkWrite& write);
  std::optional<storage::DeadLetter> LetterAt(const Place& place) const;
  std::optional<Place> AnyLetter();

  testing::Random random_;
  WorkOptions options_;
  uint64_t now_us_ = 1'700'000'000'000'000;
  log::TopicPtr topic_;
  std::map<LogId, Truth> truths_;
  std::unique_ptr<WorkQueue> queue_;
  std::map<uint64_t, Client> clients_;
  uint64_t members_joined_ = 0;
  uint64_t deliveries_ = 0;
  std::map<std::string, std::string> disk_;
  std::map<LogId, uint64_t> disk_offsets_;
  bool may_fall_ = false;  // The write is of a rewind.
  std::optional<WorkWrite> write_;
  std::set<Place> unwritten_;  // Acked since the write under way began.
  std::set<Place> in_write_;   // Acked before it began, and not confirmed.
  std::vector<std::shared_ptr<std::string>> bytes_;
  std::string problem_;
};

}  // namespace tidemark::groups
