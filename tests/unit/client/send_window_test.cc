// SendWindow against a model of server and network: connections break, answers get lost, requests
// expire, and copies of requests that the client believes dead still reach the server later.
#include "client/cpp/src/send_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "tests/unit/client/fake_log.h"

namespace tidemark::internal {
namespace {

using ::tidemark::testing::MakeError;

std::unique_ptr<ProducerRequest> NewRequest(int content) {
  RequestBuilder builder;
  Event event;
  event.type = "t";
  event.data = std::to_string(content);
  builder.Add(event, 3 + 2 + event.data.size());
  std::unique_ptr<ProducerRequest> request = builder.Seal();
  request->sealed_at = absl::UnixEpoch() + absl::Seconds(content);  // So a test can expire some.
  return request;
}

// The request's event has `data` as its last field.
int ContentOf(const ProducerRequest& request) {
  const absl::string_view bytes = request.bytes();
  return std::stoi(std::string(bytes.substr(bytes.find('t') + 3)));
}

struct Copy {
  std::string id;
  uint64_t sequence;
  int content;
};

// The server's rules for producers, and what it stored, in order.
class ModelServer {
 public:
  explicit ModelServer(bool compares_content) : compares_content_(compares_content) {}

  absl::StatusOr<AppendResult> Process(const Copy& copy, bool refuse) {
    if (refuse) return MakeError(absl::StatusCode::kOutOfRange, "PARTITION_OUT_OF_RANGE");
    auto& stored = producers_[copy.id];
    AppendResult result;
    if (!stored.empty()) {
      if (const auto it = stored.find(copy.sequence); it != stored.end()) {
        if (compares_content_ && it->second != copy.content) {
          return MakeError(absl::StatusCode::kInvalidArgument, "PRODUCER_SEQUENCE_REUSED",
                           {"producer.sequence"});
        }
        result.duplicate = true;
        return result;
      }
      if (copy.sequence != stored.rbegin()->first + 1) {
        return MakeError(absl::StatusCode::kAborted, "PRODUCER_SEQUENCE_GAP");
      }
    }
    stored[copy.sequence] = copy.content;
    log_.push_back(copy.content);
    return result;
  }

  const std::vector<int>& log() const { return log_; }

 private:
  const bool compares_content_;
  std::map<std::string, std::map<uint64_t, int>> producers_;
  std::vector<int> log_;
};

// One run: requests 0, 1, ... through a window, with every fault that chance brings.
class Simulation {
 public:
  Simulation(uint64_t seed, bool compares_content)
      : random_(seed), server_(compares_content), window_("p", std::nullopt) {}

  void Run(int requests) {
    requests_ = requests;
    for (int steps = 0; next_ < requests_ || !window_.empty(); ++steps) {
      ASSERT_LT(steps, 100'000) << "no progress";
      Step();
    }
    while (!zombies_.empty()) ProcessZombie();
  }

  const std::vector<int>& log() const { return server_.log(); }
  const std::set<int>& stored() const { return stored_; }
  const std::set<int>& refused() const { return refused_; }
  const std::set<int>& unknown() const { return unknown_; }

 private:
  bool Chance(int percent) { return random_() % 100 < static_cast<uint64_t>(percent); }

  void Step() {
    switch (random_() % 8) {
      case 0:
      case 1:
      case 2:
        Write();
        break;
      case 3:
      case 4:
        Serve();
        break;
      case 5:
        Answer();
        break;
      case 6:
        if (Chance(10)) Break();
        break;
      case 7:
        if (!zombies_.empty() && Chance(30)) ProcessZombie();
        break;
    }
  }

  void Write() {
    const ProducerRequest* request = window_.SendAgain(absl::Time());
    if (request == nullptr && window_.MayTakeNew() && next_ < requests_) {
      request = window_.SendNew(NewRequest(next_++), absl::Time());
    }
    if (request == nullptr) return;
    sent_.push_back({window_.producer_id(), request->sequence, ContentOf(*request)});
  }

  // Whatever the server does, it does to the requests of a connection in order.
  void Serve() {
    if (sent_.empty()) return;
    const Copy copy = sent_.front();
    sent_.pop_front();
    const bool refuse = copy.content % 17 == 5;
    if (Chance(4)) {
      answers_.push_back(MakeError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL"));
    } else if (Chance(4)) {
      if (Chance(50)) (void)server_.Process(copy, refuse);
      answers_.push_back(MakeError(absl::StatusCode::kUnavailable, "UNAVAILABLE"));
    } else if (Chance(1)) {
      if (Chance(50)) (void)server_.Process(copy, refuse);
      answers_.push_back(MakeError(absl::StatusCode::kInternal, "INTERNAL"));
    } else {
      answers_.push_back(server_.Process(copy, refuse));
    }
  }

  void Answer() {
    if (answers_.empty()) return;
    const absl::StatusOr<AppendResult> answer = answers_.front();
    answers_.pop_front();
    const auto outcome = window_.OnAnswer(answer);
    Lose(outcome.lost);
    if (outcome.done == nullptr) return;
    const int content = ContentOf(*outcome.done);
    if (answer.ok()) {
      stored_.insert(content);
    } else if (answer.status().code() == absl::StatusCode::kInternal) {
      unknown_.insert(content);
    } else {
      refused_.insert(content);
    }
  }

  // What was sent and not served may still arrive, connection by connection in order.
  void Break() {
    if (!sent_.empty()) zombies_.push_back(std::move(sent_));
    sent_.clear();
    answers_.clear();
    Lose(window_.OnBroken());
    if (Chance(20)) {
      const absl::Time limit = absl::UnixEpoch() + absl::Seconds(next_ - 1);
      Lose(window_.TakeSealedBefore(limit));
    }
  }

  void Lose(const std::vector<std::unique_ptr<ProducerRequest>>& lost) {
    for (const auto& request : lost) unknown_.insert(ContentOf(*request));
  }

  void ProcessZombie() {
    const size_t i = random_() % zombies_.size();
    (void)server_.Process(zombies_[i].front(), zombies_[i].front().content % 17 == 5);
    zombies_[i].pop_front();
    if (zombies_[i].empty()) zombies_.erase(zombies_.begin() + static_cast<ptrdiff_t>(i));
  }

  std::mt19937_64 random_;
  ModelServer server_;
  SendWindow window_;
  int requests_ = 0;
  int next_ = 0;
  std::deque<Copy> sent_;  // On the present connection.
  std::deque<absl::StatusOr<AppendResult>> answers_;
  std::vector<std::deque<Copy>> zombies_;
  std::set<int> stored_, refused_, unknown_;
};

class SendWindowModelTest : public ::testing::TestWithParam<bool> {};

// Method: 3000 runs of 60 requests each; a failing seed is printed and replays.
TEST_P(SendWindowModelTest, StoresEachRequestOnceAndInOrder) {
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Simulation run(seed, GetParam());
    run.Run(60);
    std::vector<int> certain;
    std::map<int, int> times;
    for (int content : run.log()) {
      ++times[content];
      if (run.stored().count(content) != 0) certain.push_back(content);
    }
    for (const auto& [content, count] : times) ASSERT_EQ(count, 1) << "request " << content;
    for (int content : run.stored()) ASSERT_EQ(times[content], 1) << "request " << content;
    for (int content : run.refused()) ASSERT_EQ(times[content], 0) << "request " << content;
    ASSERT_EQ(run.stored().size() + run.refused().size() + run.unknown().size(), 60);
    ASSERT_TRUE(std::is_sorted(certain.begin(), certain.end()));
  }
}

INSTANTIATE_TEST_SUITE_P(Servers, SendWindowModelTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Comparing" : "Trusting"; });

absl::StatusOr<AppendResult> Ok() { return AppendResult(); }

TEST(SendWindowTest, SendsTheFirstRequestOfAnIdAlone) {
  SendWindow window("p", std::nullopt);
  window.SendNew(NewRequest(0), absl::Time());
  EXPECT_FALSE(window.MayTakeNew());
  window.OnAnswer(Ok());
  EXPECT_TRUE(window.MayTakeNew());
  window.SendNew(NewRequest(1), absl::Time());
  EXPECT_TRUE(window.MayTakeNew());
}

// The server may still get the old copies: their numbers must not be given to other requests.
TEST(SendWindowTest, TakesANewIdWhenOldCopiesCouldFillTheHole) {
  SendWindow window("p", 10);
  for (int i = 0; i < 3; ++i) window.SendNew(NewRequest(i), absl::Time());
  window.OnAnswer(MakeError(absl::StatusCode::kOutOfRange, "PARTITION_OUT_OF_RANGE"));
  window.OnBroken();
  EXPECT_NE(window.producer_id(), "p");
  EXPECT_EQ(window.SendAgain(absl::Time())->sequence, 1);
}

TEST(SendWindowTest, KeepsTheIdWhenEveryAnswerCame) {
  SendWindow window("p", 10);
  for (int i = 0; i < 3; ++i) window.SendNew(NewRequest(i), absl::Time());
  window.OnAnswer(MakeError(absl::StatusCode::kOutOfRange, "PARTITION_OUT_OF_RANGE"));
  window.OnAnswer(MakeError(absl::StatusCode::kAborted, "PRODUCER_SEQUENCE_GAP"));
  EXPECT_FALSE(window.MayTakeNew());
  EXPECT_EQ(window.SendAgain(absl::Time()), nullptr);  // The last answer is still to come.
  window.OnAnswer(MakeError(absl::StatusCode::kAborted, "PRODUCER_SEQUENCE_GAP"));
  EXPECT_EQ(window.producer_id(), "p");
  EXPECT_EQ(window.SendAgain(absl::Time())->sequence, 11);
  EXPECT_EQ(window.SendAgain(absl::Time())->sequence, 12);
}

}  // namespace
}  // namespace tidemark::internal
