// Promise 7, conditions are linearizable: of two appends expecting the same revision exactly one
// wins, and every answer fits one order of all requests that keeps their order in time.
// Method: 16 threads work on a few counters and names at once and note when each call began and
// ended, by a shared counter; the history is then checked.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "tests/support/log_harness.h"
#include "tests/support/random.h"
#include "tests/support/temp_dir.h"

namespace tidemark::log {
namespace {

constexpr int kClients = 16;
constexpr int kCallsEach = 60;

// A finished call on one key. Counts are events of the key.
struct Call {
  uint64_t began = 0;
  uint64_t ended = 0;
  uint64_t expected = 0;         // What it expected.
  bool won = false;              // It was stored: the key had `expected`, and one more after it.
  std::optional<uint64_t> seen;  // Else: how many the key had, as the refusal says.
};
using History = std::map<std::string, std::vector<Call>>;

uint64_t CountIn(const absl::Status& refusal) {
  const std::optional<ErrorDetail> detail = DetailOf(refusal);
  absl::string_view text = detail->preconditions.front().description;
  text.remove_prefix(text.find("actual ") + 7);
  if (!absl::ConsumePrefix(&text, "revision ")) return 0;
  return std::stoull(std::string(text)) + 1;
}

// A register that is only set by compare-and-set: winners are ordered by what they expected; a
// refused call must have seen a value that the register had at some moment between its begin and
// its end. Empty: the history is linearizable.
std::string Problem(const std::string& key, std::vector<Call> calls) {
  std::map<uint64_t, const Call*> winners;
  for (const Call& call : calls) {
    if (call.won && !winners.emplace(call.expected, &call).second) {
      return absl::StrCat(key, ": two calls won with ", call.expected, " events");
    }
  }
  uint64_t value = 0;
  uint64_t latest_begin = 0;
  for (const auto& [expected, winner] : winners) {
    if (expected != value++) return absl::StrCat(key, ": nobody made event ", value - 1);
    if (winner->ended < latest_begin) {
      return absl::StrCat(key, ": event ", expected, " was answered before an earlier one began");
    }
    latest_begin = std::max(latest_begin, winner->began);
  }
  for (const Call& call : calls) {
    if (call.won) continue;
    if (call.seen == call.expected) return absl::StrCat(key, ": refused although it held");
    // The value was `seen` from the winner that made it until the next one.
    if (*call.seen > 0 && winners.count(*call.seen - 1) == 0) {
      return absl::StrCat(key, ": ", *call.seen, " events were seen and never were there");
    }
    if (*call.seen > 0 && winners[*call.seen - 1]->began > call.ended) {
      return absl::StrCat(key, ": ", *call.seen, " events were seen before they were made");
    }
    if (winners.count(*call.seen) != 0 && winners[*call.seen]->ended < call.began) {
      return absl::StrCat(key, ": ", *call.seen, " events were seen after there were more");
    }
  }
  return "";
}

class ConditionsLinearizableTest : public ::testing::Test {
 protected:
  ConditionsLinearizableTest() : harness_({.store = {.path = dir_.path()}, .log = {}}) {
    harness_.options().log.index = {.segment_events = 64, .open_bytes_max = 1 << 20};
    harness_.options().log.key_counts_bytes_max = 2000;  // A few keys: others are looked up.
  }
  void SetUp() override {
    ASSERT_TRUE(harness_.Open().ok());
    ASSERT_TRUE(harness_.CreateTopic("hr", {.partitions = 2}).ok());
    topic_ = *harness_.log().FindTopic("hr");
  }

  // Expects the key to have so many events, and adds one.
  Call AddTo(const std::string& key, uint64_t expected) {
    AppendRequest request = testing::MakeRequest(topic_, {{0, {{.key = key}}}});
    request.conditions.push_back(
        {.topic = topic_,
         .key = key,
         .expect = expected == 0 ? KeyCondition::Expect::kAbsent : KeyCondition::Expect::kRevision,
         .revision = expected == 0 ? 0 : expected - 1});
    Call call{.began = ++time_, .expected = expected};
    const absl::StatusOr<AppendResult> answer = harness_.Append(std::move(request));
    call.ended = ++time_;
    call.won = answer.ok();
    if (answer.ok()) {
      EXPECT_EQ(answer->revisions.front().revision, expected);
    } else if (const auto detail = DetailOf(answer.status());
               !detail.has_value() || detail->reason != "CONDITION_FAILED") {
      ADD_FAILURE() << answer.status();
      call.seen = expected + 1;
    } else {
      call.seen = CountIn(answer.status());
    }
    return call;
  }

  // Runs `work` for each client, each with a history of its own.
  template <typename Work>
  History RunClients(Work work) {
    std::vector<History> histories(kClients);
    std::vector<std::thread> clients;
    for (int c = 0; c < kClients; ++c) {
      clients.emplace_back([&, c] {
        testing::Random random(testing::SeedOr(1) * 1000 + c);
        work(c, random, histories[c]);
      });
    }
    for (std::thread& client : clients) client.join();
    History all;
    for (History& history : histories) {
      for (auto& [key, calls] : history) {
        all[key].insert(all[key].end(), calls.begin(), calls.end());
      }
    }
    return all;
  }
  void ExpectLinearizable(const History& history) {
    for (const auto& [key, calls] : history) EXPECT_EQ(Problem(key, calls), "");
  }

  testing::TempDir dir_;
  testing::LogHarness harness_;
  TopicPtr topic_;
  std::atomic<uint64_t> time_{0};
};

// Counters: read what there is, add one if nobody did meanwhile.
TEST_F(ConditionsLinearizableTest, Counters) {
  SCOPED_TRACE(absl::StrCat("seed ", testing::SeedOr(1)));
  const History history = RunClients([this](int, testing::Random& random, History& mine) {
    std::map<std::string, uint64_t> known;
    for (int i = 0; i < kCallsEach; ++i) {
      const std::string key = absl::StrCat("counter-", random.Below(3));
      const Call call = AddTo(key, known[key]);
      known[key] = call.won ? call.expected + 1 : *call.seen;
      mine[key].push_back(call);
    }
  });
  ExpectLinearizable(history);
  uint64_t won = 0;
  for (const auto& [key, calls] : history) {
    won += std::count_if(calls.begin(), calls.end(), [](const Call& call) { return call.won; });
  }
  const auto partition = harness_.log().OpenPartition(*topic_, PartitionIndex(0));
  EXPECT_EQ((*partition)->ends().end, Offset(won));
  EXPECT_GE(won, 3u);
}

// Unique names: everybody claims the same names in another order.
TEST_F(ConditionsLinearizableTest, UniqueNames) {
  SCOPED_TRACE(absl::StrCat("seed ", testing::SeedOr(1)));
  const History history = RunClients([this](int, testing::Random& random, History& mine) {
    for (int i = 0; i < kCallsEach; ++i) {
      const std::string name = absl::StrCat("name-", random.Below(40));
      mine[name].push_back(AddTo(name, 0));
    }
  });
  ExpectLinearizable(history);
  for (const auto& [name, calls] : history) {
    EXPECT_EQ(std::count_if(calls.begin(), calls.end(), [](const Call& call) { return call.won; }),
              1)
        << name;
  }
}

// The check above can fail.
TEST(LinearizabilityCheckTest, FindsWhatIsWrong) {
  const Call first{.began = 1, .ended = 4, .expected = 0, .won = true};
  const Call second{.began = 5, .ended = 6, .expected = 1, .won = true};
  EXPECT_EQ(Problem("k", {first, second}), "");
  EXPECT_NE(Problem("k", {first, first}), "");
  EXPECT_NE(Problem("k", {second}), "");
  EXPECT_NE(Problem("k", {{.began = 5, .ended = 6, .expected = 0, .won = true},
                          {.began = 1, .ended = 4, .expected = 1, .won = true}}),
            "");
  const auto refused = [](uint64_t began, uint64_t ended, uint64_t seen) {
    return Call{.began = began, .ended = ended, .expected = 9, .seen = seen};
  };
  EXPECT_EQ(Problem("k", {first, second, refused(2, 3, 0)}), "");
  EXPECT_EQ(Problem("k", {first, second, refused(2, 3, 1)}), "");
  EXPECT_NE(Problem("k", {first, second, refused(2, 3, 2)}), "");
  EXPECT_NE(Problem("k", {first, second, refused(7, 8, 1)}), "");
  EXPECT_NE(Problem("k", {first, second, refused(7, 8, 3)}), "");
}

}  // namespace
}  // namespace tidemark::log
