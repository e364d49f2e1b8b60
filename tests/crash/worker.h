// Worker: a client of a KEY_ORDERED group that acks, fails and buries what it gets, and knows what
// was promised to it, across crashes of the store.
//
// Terms.   Trying: an event of whose fate nobody was told.
// Threads. One at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/groups/group_coordinator.h"
#include "tests/support/random.h"

namespace tidemark::testing {

class Worker {
 public:
  using Place = std::pair<LogId, Offset>;
  Worker(std::string group, std::string topic)
      : group_(std::move(group)), topic_(std::move(topic)) {}

  // Asked while Handle waits for events: true, and it ends.
  void SetGivesUp(std::function<bool()> gives_up) { gives_up_ = std::move(gives_up); }

  // False: the group cannot be joined.
  bool Join(groups::GroupCoordinator& groups);
  // Before the groups are closed.
  void Leave();

  // Handles about `events_max` events of what comes; at most what is there.
  // False: there was no answer.
  bool Handle(Random& random, size_t events_max);

  // What is wrong with what a new member gets, if these can be read and those were erased. Learns
  // what became of what it was trying.
  std::vector<std::string> Check(groups::GroupCoordinator& groups, const std::set<Place>& readable,
                                 const std::set<Place>& erased);

 private:
  class Listener;
  // Acks it, fails it, or makes it a dead letter. False: there was no answer.
  bool HandleOne(Random& random, Place place);
  // Everything that is delivered until the end. False: the member was closed.
  bool TakeAll(std::set<Place>& delivered);
  std::set<Place> DeadLetters(groups::GroupCoordinator& groups);

  const std::string group_;
  const std::string topic_;
  std::function<bool()> gives_up_ = [] { return false; };
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<groups::Member> member_;
  std::shared_ptr<groups::WorkMember> work_;
  std::set<Place> acked_;
  std::set<Place> dead_;
  std::optional<Place> trying_;
};

}  // namespace tidemark::testing
