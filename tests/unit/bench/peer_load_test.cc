// The measuring code of a comparison, on a system that is a list in memory.
#include "bench/peers/peer_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "absl/synchronization/mutex.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

using ::testing::SizeIs;

class FakeLog : public PeerClient {
 public:
  absl::Status CheckReady() override { return absl::OkStatus(); }
  absl::Status CreateLog(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string&) override {
    return std::make_unique<Producer>(*this);
  }
  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string&,
                                                            PeerStart start) override {
    absl::MutexLock lock(&mu_);
    return std::make_unique<Consumer>(*this, start == PeerStart::kEarliest ? 0 : bodies_.size());
  }

  size_t unacked_max() const { return unacked_max_; }

 private:
  struct Producer : PeerProducer {
    explicit Producer(FakeLog& log) : log(log) {}
    absl::Status Send(const PeerBatch& batch) override {
      absl::MutexLock lock(&log.mu_);
      log.unacked_max_ = std::max(log.unacked_max_, ++unacked);
      for (const PeerEvent& event : batch) log.bodies_.push_back(event.body);
      return absl::OkStatus();
    }
    absl::Status AwaitOldest() override {
      if (unacked == 0) return absl::InternalError("nothing to wait for");
      --unacked;
      return absl::OkStatus();
    }
    FakeLog& log;
    size_t unacked = 0;
  };
  struct Consumer : PeerConsumer {
    Consumer(FakeLog& log, size_t next) : log(log), next(next) {}
    absl::Status Poll(absl::Duration patience,
                      absl::FunctionRef<void(const EventView&)> on_event) override {
      absl::MutexLock lock(&log.mu_);
      const auto more = [this] { return log.bodies_.size() > next; };
      log.mu_.AwaitWithTimeout(absl::Condition(&more), patience);
      while (next < log.bodies_.size()) {
        if (auto s = decoder.Decode(log.bodies_[next++], on_event); !s.ok()) return s;
      }
      return absl::OkStatus();
    }
    FakeLog& log;
    size_t next;
    BodyDecoder decoder;
  };

  absl::Mutex mu_;
  std::deque<std::string> bodies_;
  size_t unacked_max_ = 0;
};

TEST(PeerLoadTest, KeepsItsBatchesInFlightAndReadsWhatItAppended) {
  FakeLog log;
  const auto batches = MakePeerBatches({}, 10);
  int ends = 0;
  const auto at_end = [&ends](const Recorder&) { ++ends; };
  const auto appended = RunPeerAppend(
      log, "log", {.seconds = 0.05, .warmup_seconds = 0.01, .inflight = 4}, batches, at_end);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ(log.unacked_max(), 4u);
  EXPECT_GT(appended->events(), 0u);
  const auto read = RunPeerReplay(log, "log", appended->events_with_warmup(), at_end);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->events(), appended->events_with_warmup());
  EXPECT_EQ(ends, 2);
}

TEST(PeerLoadTest, EveryEventOfTheTailComesWithItsAge) {
  FakeLog log;
  const auto tail =
      RunPeerTail(log, "log", {.events_per_second = 1000, .seconds = 0.1, .warmup_seconds = 0.02},
                  [](const Recorder&) {});
  ASSERT_TRUE(tail.ok()) << tail.status();
  EXPECT_EQ(tail->events_with_warmup(), 120u);
  EXPECT_GE(tail->latency().min(), 0);
}

TEST(PeerEventTest, ABodyIsTheWholeEvent) {
  const auto batches = MakePeerBatches({.data_bytes = 100, .keys = 10}, 3);
  ASSERT_THAT(batches, SizeIs(kPeerPoolBatches));
  const PeerEvent& event = batches[0][0];
  BodyDecoder decoder;
  int calls = 0;
  ASSERT_TRUE(decoder
                  .Decode(event.body,
                          [&](const EventView& view) {
                            ++calls;
                            EXPECT_EQ(view.type, event.type);
                            EXPECT_EQ(view.key, event.key);
                            EXPECT_EQ(view.data, event.data);
                          })
                  .ok());
  EXPECT_EQ(calls, 1);
  EXPECT_FALSE(decoder.Decode("\xff\xff", [](const EventView&) {}).ok());
}

TEST(PeersTest, EachHasAModeThatSaysWhatAnAcknowledgementMeans) {
  for (const PeerSpec& spec : AllPeers()) {
    EXPECT_FALSE(spec.modes.empty()) << spec.name;
    EXPECT_FALSE(spec.settings.empty()) << spec.name;
    for (const PeerMode& mode : spec.modes) EXPECT_FALSE(mode.durability.empty()) << spec.name;
  }
}

}  // namespace
}  // namespace tidemark::bench
