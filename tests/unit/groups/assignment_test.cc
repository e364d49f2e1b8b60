#include "server/groups/assignment.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/random.h"

namespace tidemark::groups {
namespace {

struct Case {
  std::vector<LogId> partitions;
  std::vector<MemberShare> members;
};

std::map<MemberNumber, size_t> CountsOf(const Assignment& assignment,
                                        const std::vector<MemberShare>& members) {
  std::map<MemberNumber, size_t> counts;
  for (const MemberShare& member : members) counts[member.member] = 0;
  for (const auto& [log, member] : assignment) ++counts[member];
  return counts;
}

size_t MovesOf(const Case& c, const Assignment& assignment) {
  size_t moves = 0;
  for (const MemberShare& member : c.members) {
    for (const LogId log : member.owned) {
      const auto it = assignment.find(log);
      if (it != assignment.end() && it->second != member.member) ++moves;
    }
  }
  return moves;
}

// Random members of random partitions, some of which nobody owns.
Case RandomCase(testing::Random& random) {
  Case c;
  const uint64_t members = random.In(1, 9);
  for (uint64_t i = 0; i < members; ++i) c.members.push_back({MemberNumber(3 * i + 1), {}});
  const uint64_t partitions = random.Below(40);
  for (uint64_t i = 0; i < partitions; ++i) {
    const LogId log(static_cast<uint32_t>(7 * i + 2));
    c.partitions.push_back(log);
    if (!random.OneIn(4)) c.members[random.Below(members)].owned.push_back(log);
  }
  // Something that is owned and not there any more.
  if (random.OneIn(3)) random.Of(c.members).owned.push_back(LogId(1));
  return c;
}

// The fewest partitions any balanced assignment takes away: every way of giving the larger quotas
// is tried.
size_t FewestMoves(const Case& c) {
  const std::set<LogId> known(c.partitions.begin(), c.partitions.end());
  std::vector<size_t> owned;
  for (const MemberShare& member : c.members) {
    owned.push_back(std::count_if(member.owned.begin(), member.owned.end(),
                                  [&](LogId log) { return known.contains(log); }));
  }
  const size_t base = c.partitions.size() / owned.size();
  const auto larger = static_cast<int>(c.partitions.size() % owned.size());
  size_t fewest = c.partitions.size() + 1;
  for (uint32_t chosen = 0; chosen < (1u << owned.size()); ++chosen) {
    if (__builtin_popcount(chosen) != larger) continue;
    size_t moves = 0;
    for (size_t i = 0; i < owned.size(); ++i) {
      const size_t quota = base + ((chosen >> i) & 1);
      moves += owned[i] > quota ? owned[i] - quota : 0;
    }
    fewest = std::min(fewest, moves);
  }
  return fewest;
}

class AssignmentProperties : public ::testing::Test {
 protected:
  // Runs `check` on many random cases.
  template <typename Check>
  void ForRandomCases(Check check) {
    const uint64_t seed = testing::SeedOr(20);
    SCOPED_TRACE(absl::StrCat("TIDEMARK_TEST_SEED=", seed));
    testing::Random random(seed);
    for (int i = 0; i < 2'000 && !HasFailure(); ++i) {
      SCOPED_TRACE(absl::StrCat("case ", i));
      check(RandomCase(random), random);
    }
  }
};

TEST_F(AssignmentProperties, GivesEveryPartitionOneKnownOwner) {
  ForRandomCases([](const Case& c, testing::Random&) {
    const Assignment assignment = Assign(c.partitions, c.members);
    EXPECT_EQ(assignment.size(), c.partitions.size());
    for (const LogId log : c.partitions) EXPECT_TRUE(assignment.contains(log));
    EXPECT_EQ(CountsOf(assignment, c.members).size(), c.members.size());
  });
}

TEST_F(AssignmentProperties, IsBalanced) {
  ForRandomCases([](const Case& c, testing::Random&) {
    const auto counts = CountsOf(Assign(c.partitions, c.members), c.members);
    const auto [least, most] =
        std::minmax_element(counts.begin(), counts.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; });
    EXPECT_LE(most->second - least->second, 1u);
  });
}

TEST_F(AssignmentProperties, MovesAsFewAsPossible) {
  ForRandomCases([](const Case& c, testing::Random&) {
    EXPECT_EQ(MovesOf(c, Assign(c.partitions, c.members)), FewestMoves(c));
  });
}

TEST_F(AssignmentProperties, DoesNotDependOnTheOrderOfItsInput) {
  ForRandomCases([](const Case& c, testing::Random& random) {
    Case shuffled = c;
    std::mt19937_64 engine(random.Below(UINT32_MAX));
    std::shuffle(shuffled.partitions.begin(), shuffled.partitions.end(), engine);
    std::shuffle(shuffled.members.begin(), shuffled.members.end(), engine);
    for (MemberShare& member : shuffled.members) {
      std::shuffle(member.owned.begin(), member.owned.end(), engine);
    }
    EXPECT_EQ(Assign(c.partitions, c.members), Assign(shuffled.partitions, shuffled.members));
  });
}

TEST_F(AssignmentProperties, LeavesABalancedAssignmentAlone) {
  ForRandomCases([](const Case& c, testing::Random&) {
    const Assignment first = Assign(c.partitions, c.members);
    Case settled = c;
    for (MemberShare& member : settled.members) {
      member.owned.clear();
      for (const auto& [log, owner] : first) {
        if (owner == member.member) member.owned.push_back(log);
      }
    }
    EXPECT_EQ(Assign(settled.partitions, settled.members), first);
  });
}

TEST(AssignmentTest, GivesNothingToNobody) {
  EXPECT_TRUE(Assign({LogId(1), LogId(2)}, {}).empty());
}

TEST(AssignmentTest, SpreadsEachTopicOverNewMembers) {
  const Assignment assignment = Assign({LogId(1), LogId(2), LogId(3), LogId(4)},
                                       {{MemberNumber(1), {}}, {MemberNumber(2), {}}});
  EXPECT_NE(assignment.at(LogId(1)), assignment.at(LogId(2)));
  EXPECT_NE(assignment.at(LogId(3)), assignment.at(LogId(4)));
}

}  // namespace
}  // namespace tidemark::groups
