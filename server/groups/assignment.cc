#include "server/groups/assignment.h"

#include <algorithm>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace tidemark::groups {
namespace {

struct Place {
  MemberNumber member;
  std::vector<LogId> kept;
  size_t quota = 0;
};

// What each member keeps. The larger quotas go to who owns most: that takes the fewest away.
std::vector<Place> PlacesFor(const absl::flat_hash_set<LogId>& partitions,
                             absl::Span<const MemberShare> members) {
  std::vector<Place> places;
  for (const MemberShare& share : members) {
    Place& place = places.emplace_back();
    place.member = share.member;
    for (const LogId log : share.owned) {
      if (partitions.contains(log)) place.kept.push_back(log);
    }
    std::sort(place.kept.begin(), place.kept.end());
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    if (a.kept.size() != b.kept.size()) return a.kept.size() > b.kept.size();
    return a.member < b.member;
  });
  const size_t larger = partitions.size() % places.size();
  for (size_t i = 0; i < places.size(); ++i) {
    places[i].quota = partitions.size() / places.size() + (i < larger ? 1 : 0);
    if (places[i].kept.size() > places[i].quota) places[i].kept.resize(places[i].quota);
  }
  return places;
}

}  // namespace

Assignment Assign(absl::Span<const LogId> partitions, absl::Span<const MemberShare> members) {
  Assignment assignment;
  if (members.empty()) return assignment;
  std::vector<LogId> left(partitions.begin(), partitions.end());
  std::sort(left.begin(), left.end());
  const std::vector<Place> places =
      PlacesFor(absl::flat_hash_set<LogId>(left.begin(), left.end()), members);
  // Those with room, the emptiest first.
  using Room = std::pair<size_t, size_t>;  // Partitions so far, index of the place.
  std::priority_queue<Room, std::vector<Room>, std::greater<>> rooms;
  for (size_t i = 0; i < places.size(); ++i) {
    for (const LogId log : places[i].kept) assignment[log] = places[i].member;
    if (places[i].kept.size() < places[i].quota) rooms.push({places[i].kept.size(), i});
  }
  for (const LogId log : left) {
    if (assignment.contains(log)) continue;
    const auto [partitions_so_far, i] = rooms.top();
    rooms.pop();
    assignment[log] = places[i].member;
    if (partitions_so_far + 1 < places[i].quota) rooms.push({partitions_so_far + 1, i});
  }
  return assignment;
}

}  // namespace tidemark::groups
