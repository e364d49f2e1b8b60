// GroupWorld: a group, its members, their clients and the disk, as a plain reference that checks
// the group's promises after every step.
//
// What is checked: a partition has one owner; it is only taken from who is done with it, gave it
// back or was late; the next owner starts where nothing unacked is left
// behind, so whatever was not acked is delivered again and nothing is skipped; an offset on disk
// never covers an unacked event and falls only by a seek; a confirmed ack is on disk, also after a
// crash; who lost a partition is fenced, and so is every ack from before a seek, however late it
// comes; who does not answer a seek is closed; numbers of partitions are balanced once nothing
// moves.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/groups/group.h"
#include "tests/support/random.h"

namespace tidemark::groups {

class GroupWorld {
 public:
  explicit GroupWorld(uint64_t seed);

  // Does something at random.
  void Step();
  // Lets everybody finish in peace, then checks that nothing is left to do.
  void Finish();
  // What is wrong; empty while all is well.
  const std::string& problem() const { return problem_; }

 private:
  static constexpr absl::Duration kRevokeTimeout = absl::Seconds(10);

  // A partition as it truly is.
  struct Truth {
    log::PartitionPtr partition;
    std::vector<bool> wanted;  // Whether the filter wants the event, by offset.
    std::set<uint64_t> done;   // Wanted ones whose ack was accepted.
    std::optional<MemberNumber> owner;
    std::optional<Offset> on_disk;
    std::optional<Offset> confirmed;  // By an answered ack or commit.
    uint64_t seeks = 0;               // How often it was sought elsewhere.
    int seeks_on_their_way = 0;       // Not answered yet: the disk may be before or after them.
    uint64_t first_undone() const;
  };
  // A client's view of a partition it owns.
  struct Reading {
    uint64_t next = 0;       // To be looked at.
    uint64_t delivered = 0;  // One past the last delivered event, or where it began.
    uint64_t acked = 0;      // What it acked last, or where it began.
    bool revoked = false;
    bool fenced = false;  // By a seek.
    uint64_t revocation = 0;
    absl::Time deadline;  // When revoked.
  };
  struct SentAck {
    LogId log;
    uint64_t up_to;
  };
  struct Client {
    std::deque<SentAck> late;  // Sent before a seek, and not arrived yet; before all it says later.
    // Releases under way, in answer to seeks that were over before: by log and revocation.
    std::multimap<LogId, uint64_t> release_sent;
    std::map<LogId, Reading> readings;
    std::map<LogId, uint64_t> lost;  // What it may still try to ack.
  };

  void Fail(const std::string& what);
  log::PartitionPtr MakePartition(uint32_t index, Offset end) const;
  void StartGroup();
  void CarryOut();
  void Assigned(const AssignedEffect& effect);
  void Revoked(const RevokedEffect& effect);
  void Taken(const TakenEffect& effect);
  void WriteOne();
  void CheckBalance();
  void CheckDisk(LogId log, std::optional<Offset> before);

  Client* AnyClient(MemberNumber& number);
  void Join();
  void Leave();
  void Append();
  void Deliver(MemberNumber number, Client& client);
  void Ack(MemberNumber number, Client& client);
  void AckTo(MemberNumber number, LogId log, uint64_t up_to);
  void AckAll(MemberNumber number, Client& client);
  void AckLost(MemberNumber number, Client& client);
  void Release(MemberNumber number, Client& client);
  void SendLate(MemberNumber number, Client& client);
  void SendStaleRelease(MemberNumber number, Client& client);
  void Seek();
  void SeekOne(LogId log, Offset to);
  void OnSought(const std::vector<SeekMove>& moves);
  void Closed(const ClosedEffect& effect);
  void CommitByHand();
  void CrashAndRestart();
  void Flush();
  void PassTime(absl::Duration by);

  // Everything before `offset` is done, and nothing else.
  static void DoneIsBelow(Truth& truth, uint64_t offset);
  TopicPartition PlaceOf(LogId log) const;
  void OnAcked(LogId log, uint64_t up_to, absl::StatusOr<AckResult> result);

  testing::Random random_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  log::TopicPtr topic_;
  std::map<LogId, Truth> truths_;
  std::map<MemberNumber, Client> clients_;
  uint64_t members_joined_ = 0;
  uint64_t life_ = 0;  // Runs of the server: answers of an earlier one do not count.
  std::unique_ptr<Group> group_;
  std::deque<std::vector<log::OffsetWrite>> disk_queue_;  // At most one.
  std::optional<LogId> releasing_;
  bool rewinding_ = false;  // Offsets may fall: somebody asked for it.
  std::string problem_;
};

}  // namespace tidemark::groups
