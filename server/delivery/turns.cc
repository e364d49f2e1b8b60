#include "server/delivery/turns.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"

namespace tidemark::delivery {
namespace {

// What lies beyond every position.
Position Last(log::Direction direction) {
  return direction == log::Direction::kForward ? Position(UINT64_MAX) : Position(0);
}

class AnyTurns final : public Turns {
 public:
  explicit AnyTurns(log::Direction direction) : last_(Last(direction)) {}

  bool needs_all() const override { return false; }
  void Set(uint32_t slot, Position) override {
    if (std::find(slots_.begin(), slots_.end(), slot) == slots_.end()) slots_.push_back(slot);
  }
  void Remove(uint32_t slot) override { std::erase(slots_, slot); }
  std::optional<Turn> next() const override {
    if (slots_.empty()) return std::nullopt;
    return Turn{.slot = slots_.front(), .position = Position(0), .ends = last_};
  }

 private:
  const Position last_;
  std::deque<uint32_t> slots_;  // Hardly ever more than one.
};

class CommitTurns final : public Turns {
 public:
  explicit CommitTurns(log::Direction direction)
      : forward_(direction == log::Direction::kForward), last_(Last(direction)) {}

  bool needs_all() const override { return true; }
  void Set(uint32_t slot, Position position) override {
    Remove(slot);
    position_of_[slot] = position;
    order_.emplace(Rank(position), slot);
  }
  void Remove(uint32_t slot) override {
    const auto it = position_of_.find(slot);
    if (it == position_of_.end()) return;
    order_.erase({Rank(it->second), slot});
    position_of_.erase(it);
  }
  std::optional<Turn> next() const override {
    auto it = order_.begin();
    if (it == order_.end()) return std::nullopt;
    Turn turn{.slot = it->second, .position = position_of_.at(it->second), .ends = last_};
    // Positions of batches differ, so the turn ends just before the next one's.
    if (++it != order_.end()) turn.ends = position_of_.at(it->second);
    return turn;
  }

 private:
  uint64_t Rank(Position position) const {
    return forward_ ? position.value() : UINT64_MAX - position.value();
  }

  const bool forward_;
  const Position last_;
  absl::flat_hash_map<uint32_t, Position> position_of_;
  absl::btree_set<std::pair<uint64_t, uint32_t>> order_;
};

}  // namespace

std::unique_ptr<Turns> Turns::Make(Order order, log::Direction direction) {
  if (order == Order::kCommit) return std::make_unique<CommitTurns>(direction);
  return std::make_unique<AnyTurns>(direction);
}

}  // namespace tidemark::delivery
