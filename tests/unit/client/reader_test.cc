// Reader and Subscriber against a server whose streams break, drain, fall silent or carry damage.
#include "tidemark/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/unit/client/fake_server.h"
#include "tidemark/errors.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using testing::NumberedEvent;
using ::testing::Pair;
using testing::ReadFault;
using ::testing::SizeIs;

class ReaderTest : public ::testing::Test {
 protected:
  // Stores events `from` to `until`, spread over keys; every third is of type "rare".
  void Store(int from, int until) {
    std::vector<Event> events;
    for (int i = from; i < until; ++i) {
      events.push_back(NumberedEvent(i, absl::StrCat("employee-", i % 10)));
      if (i % 3 == 0) events.back().type = "rare";
    }
    ASSERT_TRUE(client_.Append("hr", events).ok());
  }

  static StreamOptions Quick(StreamOptions options = {}) {
    options.backoff_min = absl::Milliseconds(1);
    options.backoff_max = absl::Milliseconds(5);
    return options;
  }

  // Partition and offset of each event, and whether the data are what the server has there.
  std::vector<std::pair<uint32_t, uint64_t>> ReadAll(EventStream* stream) {
    std::vector<std::pair<uint32_t, uint64_t>> places;
    for (const ReceivedEvent& e : *stream) {
      places.emplace_back(e.partition, e.offset);
      EXPECT_EQ(e.event.data, server_.log().Events(e.partition).at(e.offset).data());
    }
    return places;
  }

  // Every stored place, optionally of the rare events only.
  std::vector<std::pair<uint32_t, uint64_t>> AllPlaces(bool rare_only = false) {
    std::vector<std::pair<uint32_t, uint64_t>> places;
    for (uint32_t p = 0; p < server_.log().partitions(); ++p) {
      const auto events = server_.log().Events(p);
      for (uint64_t offset = 0; offset < events.size(); ++offset) {
        if (!rare_only || events[offset].type() == "rare") places.emplace_back(p, offset);
      }
    }
    return places;
  }

  static std::function<ReadFault(int)> At(std::vector<int> batches, ReadFault::Kind kind) {
    return [batches, kind](int nth) {
      for (int batch : batches) {
        if (nth == batch) return ReadFault{kind};
      }
      return ReadFault();
    };
  }

  FakeServer server_{3};
  Client client_ = server_.Connect();
};

TEST_F(ReaderTest, ReadsWhatIsStoredAndEnds) {
  Store(0, 50);
  Reader reader(client_, "hr");
  EXPECT_EQ(ReadAll(&reader), AllPlaces());
  EXPECT_TRUE(reader.status().ok());
}

TEST_F(ReaderTest, GivesEveryFieldOfAnEvent) {
  Event event = NumberedEvent(1, "employee-10001");
  event.id = "id-1";
  event.source = "/hr/employees";
  event.time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  event.content_type = "application/json";
  event.data = std::string("\0binary\xff", 8);
  event.attributes = {{"traceparent", "00-1"}};  // One: the fake's checksum needs a fixed order.
  ASSERT_TRUE(client_.Append("hr", {event}).ok());
  Reader reader(client_, "hr");
  const EventIterator first = reader.begin();
  ASSERT_NE(first, reader.end()) << reader.status();
  const ReceivedEvent& received = *first;
  EXPECT_EQ(received.event.ToEvent(), event);
  EXPECT_EQ(received.event.Attribute("traceparent"), "00-1");
  EXPECT_EQ(received.event.Attribute("none"), std::nullopt);
  EXPECT_EQ(received.topic, "hr");
  EXPECT_EQ(absl::ToUnixSeconds(received.append_time), 1'700'000'000);
}

TEST_F(ReaderTest, ResumesExactlyWhereTheConnectionBroke) {
  Store(0, 100);
  server_.on_read = At({1, 5, 6, 20}, ReadFault::kBreak);
  Reader reader(client_, "hr", Quick());
  EXPECT_EQ(ReadAll(&reader), AllPlaces());
  EXPECT_EQ(reader.connections(), 5);
}

TEST_F(ReaderTest, ResumesBackwardExactlyWhereTheConnectionBroke) {
  Store(0, 50);
  server_.on_read = At({1, 3, 4}, ReadFault::kBreak);
  auto expected = AllPlaces();
  // Each partition newest first.
  std::stable_sort(expected.begin(), expected.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second > b.second;
  });
  Reader reader(client_, "hr", Quick({.direction = Direction::kBackward}));
  EXPECT_EQ(ReadAll(&reader), expected);
  EXPECT_TRUE(reader.status().ok()) << reader.status();
  EXPECT_EQ(reader.connections(), 4);
  for (const auto& [partition, offset] : reader.next_offsets()) EXPECT_EQ(offset, 0);
}

TEST_F(ReaderTest, ResumesLastNBackwardWithWhatWasTheLastNAtFirst) {
  Store(0, 60);
  server_.on_read = At({1}, ReadFault::kBreak);
  StreamOptions options = Quick({.start = Start::FromLastN(5), .direction = Direction::kBackward});
  options.on_reconnect = [this](const absl::Status&, absl::Duration) { Store(60, 120); };
  std::vector<std::pair<uint32_t, uint64_t>> expected;
  for (const auto& [partition, end] : server_.log().EndOffsets()) {
    for (uint64_t back = 1; back <= std::min<uint64_t>(end, 5); ++back) {
      expected.emplace_back(partition, end - back);
    }
  }
  Reader reader(client_, "hr", options);
  EXPECT_EQ(ReadAll(&reader), expected);
}

// What is stored while the connection is down is beyond the end that the read began with.
TEST_F(ReaderTest, EndsWhereTheEndWasWhenItBegan) {
  Store(0, 40);
  server_.on_read = At({2}, ReadFault::kBreak);
  StreamOptions options = Quick();
  options.on_reconnect = [this](const absl::Status&, absl::Duration) { Store(40, 80); };
  const auto places = AllPlaces();
  Reader reader(client_, "hr", options);
  EXPECT_EQ(ReadAll(&reader), places);
}

TEST_F(ReaderTest, ResumesFilteredStreamsWithAndWithoutCursors) {
  Store(0, 100);
  for (const bool cursors : {true, false}) {
    server_.send_cursors = cursors;
    server_.on_read = [n = 0](int) mutable {
      return ReadFault{++n % 4 == 0 ? ReadFault::kBreak : ReadFault::kNone};
    };
    Reader reader(client_, "hr", Quick({.filter = {.types = {"rare"}}}));
    EXPECT_EQ(ReadAll(&reader), AllPlaces(true));
    EXPECT_GT(reader.connections(), 1);
  }
}

TEST_F(ReaderTest, ResumesLastNWithWhatWasTheLastNAtFirst) {
  Store(0, 60);
  server_.on_read = At({1}, ReadFault::kBreak);
  StreamOptions options = Quick({.start = Start::FromLastN(5)});
  options.on_reconnect = [this](const absl::Status&, absl::Duration) { Store(60, 120); };
  std::vector<std::pair<uint32_t, uint64_t>> expected;
  for (const auto& [partition, end] : server_.log().EndOffsets()) {
    for (uint64_t offset = end - std::min<uint64_t>(end, 5); offset < end; ++offset) {
      expected.emplace_back(partition, offset);
    }
  }
  Reader reader(client_, "hr", options);
  EXPECT_EQ(ReadAll(&reader), expected);
}

TEST_F(ReaderTest, FindsTheLastNThatMatchTheFilter) {
  Store(0, 60);
  Reader reader(client_, "hr",
                Quick({.start = Start::FromLastN(1000), .filter = {.types = {"rare"}}}));
  EXPECT_EQ(ReadAll(&reader), AllPlaces(true));
}

TEST_F(ReaderTest, StopsAfterEventsMaxAcrossConnections) {
  Store(0, 100);
  server_.on_read = At({2}, ReadFault::kBreak);
  Reader reader(client_, "hr", Quick({.events_max = 10}));
  auto expected = AllPlaces();
  expected.resize(10);
  EXPECT_EQ(ReadAll(&reader), expected);
  EXPECT_TRUE(reader.status().ok());
}

TEST_F(ReaderTest, ContinuesFromACursor) {
  Store(0, 20);
  Reader first(client_, "hr");
  ReadAll(&first);
  ASSERT_FALSE(first.cursor().empty());
  const auto before = server_.log().EndOffsets();
  Store(20, 40);
  server_.on_read = At({server_.batch_events + 100}, ReadFault::kBreak);
  Reader second(client_, "hr", Quick({.start = Start::FromCursor(first.cursor())}));
  for (const auto& [partition, offset] : ReadAll(&second)) EXPECT_GE(offset, before.at(partition));
  EXPECT_EQ(second.next_offsets(), server_.log().EndOffsets());
}

TEST_F(ReaderTest, ReportsDamage) {
  Store(0, 30);
  server_.on_read = At({3}, ReadFault::kDamage);
  Reader reader(client_, "hr", Quick());
  ReadAll(&reader);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(ReaderTest, TellsGapsInTheirPlace) {
  Store(0, 30);
  server_.on_read = At({0}, ReadFault::kGap);
  std::vector<Gap> gaps;
  StreamOptions options = Quick();
  options.on_gap = [&](const Gap& gap) { gaps.push_back(gap); };
  Reader reader(client_, "hr", options);
  EXPECT_THAT(ReadAll(&reader), SizeIs(27));
  ASSERT_THAT(gaps, SizeIs(1));
  EXPECT_EQ(gaps[0].until_offset, 3);
  EXPECT_EQ(gaps[0].reason, GapReason::kErased);
  EXPECT_EQ(reader.gap_events(), 3);
}

TEST_F(ReaderTest, TellsOfATopicThatDoesNotExist) {
  Reader reader(client_, "payrol");
  EXPECT_EQ(reader.begin(), reader.end());
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(reader.status()), "TOPIC_NOT_FOUND");
}

TEST_F(ReaderTest, DoesNotGoOnInAnotherTopicOfTheSameName) {
  Store(0, 30);
  server_.on_read = At({2}, ReadFault::kBreak);
  StreamOptions options = Quick();
  options.on_reconnect = [this](const absl::Status&, absl::Duration) {
    server_.log().RecreateTopic();
  };
  Reader reader(client_, "hr", options);
  ReadAll(&reader);
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReaderTest, ASecondLoopGoesOnWhereTheFirstStopped) {
  Store(0, 30);
  Reader reader(client_, "hr");
  std::vector<std::pair<uint32_t, uint64_t>> places;
  for (const ReceivedEvent& e : reader) {
    places.emplace_back(e.partition, e.offset);
    if (places.size() == 4) break;
  }
  EXPECT_EQ(reader.next_offsets().at(places.back().first), places.back().second + 1);
  for (const auto& place : ReadAll(&reader)) places.push_back(place);
  EXPECT_EQ(places, AllPlaces());
}

TEST_F(ReaderTest, ForEachStopsAtTheHandlersError) {
  Store(0, 30);
  Reader reader(client_, "hr");
  int handled = 0;
  const absl::Status status = reader.ForEach([&](const ReceivedEvent&) {
    return ++handled == 7 ? absl::InternalError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status.message(), "enough");
  EXPECT_EQ(handled, 7);
}

TEST_F(ReaderTest, GivesUpWhenTold) {
  Store(0, 30);
  server_.on_read = [](int nth) {
    return ReadFault{nth == 0 ? ReadFault::kNone : ReadFault::kBreak};
  };
  StreamOptions options = Quick();
  options.give_up_after = absl::Milliseconds(30);
  Reader reader(client_, "hr", options);
  EXPECT_THAT(ReadAll(&reader), SizeIs(3));
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ReaderTest, SubscriberGoesFromHistoryToLiveWithoutAGap) {
  Store(0, 30);
  Subscriber subscriber(client_, "hr", Quick());
  std::vector<std::pair<uint32_t, uint64_t>> places;
  int caught_up = 0;
  while (places.size() < 60) {
    const auto item = subscriber.Next();
    ASSERT_TRUE(item.has_value()) << subscriber.status();
    if (const auto* batch = std::get_if<Batch>(&*item)) {
      for (const ReceivedEvent& e : *batch) places.emplace_back(e.partition, e.offset);
    } else if (std::holds_alternative<CaughtUp>(*item) && ++caught_up == 1) {
      EXPECT_EQ(places, AllPlaces());
      Store(30, 60);
    }
  }
  std::sort(places.begin(), places.end());
  EXPECT_EQ(places, AllPlaces());
}

// Latest means the end when reading began, also after a break before anything arrived.
TEST_F(ReaderTest, SubscriberFromLatestLosesNothingWhenItReconnects) {
  Store(0, 30);
  const auto before = server_.log().EndOffsets();
  server_.on_read = At({0, 1, 4}, ReadFault::kBreak);
  Subscriber subscriber(client_, "hr", Quick({.start = Start::FromLatest()}));
  std::vector<std::pair<uint32_t, uint64_t>> places;
  bool stored = false;
  while (places.size() < 30) {
    const auto item = subscriber.Next();
    ASSERT_TRUE(item.has_value()) << subscriber.status();
    if (const auto* batch = std::get_if<Batch>(&*item)) {
      for (const ReceivedEvent& e : *batch) places.emplace_back(e.partition, e.offset);
    } else if (!stored) {
      stored = true;
      Store(30, 60);
    }
  }
  std::sort(places.begin(), places.end());
  std::vector<std::pair<uint32_t, uint64_t>> expected;
  for (const auto& place : AllPlaces()) {
    if (place.second >= before.at(place.first)) expected.push_back(place);
  }
  EXPECT_EQ(places, expected);
}

TEST_F(ReaderTest, GoesOnAfterDraining) {
  Store(0, 60);
  server_.on_read = At({2, 7}, ReadFault::kDrain);
  Reader reader(client_, "hr", Quick({.filter = {.types = {"rare", "employee.created"}}}));
  EXPECT_EQ(ReadAll(&reader), AllPlaces());
  EXPECT_EQ(reader.connections(), 3);
}

TEST_F(ReaderTest, LeavesASilentStream) {
  Store(0, 60);
  server_.on_read = At({2}, ReadFault::kSilence);
  StreamOptions options = Quick();
  options.silence_max = absl::Milliseconds(50);
  Reader reader(client_, "hr", options);
  EXPECT_EQ(ReadAll(&reader), AllPlaces());
  EXPECT_EQ(reader.connections(), 2);
}

TEST_F(ReaderTest, CancelEndsAWaitingSubscriber) {
  Subscriber subscriber(client_, "hr", Quick());
  const auto item = subscriber.Next();
  ASSERT_TRUE(item && std::holds_alternative<CaughtUp>(*item));
  std::thread other([&] { subscriber.Cancel(); });
  EXPECT_FALSE(subscriber.Next().has_value());
  EXPECT_EQ(subscriber.status().code(), absl::StatusCode::kCancelled);
  other.join();
}

TEST_F(ReaderTest, ASubscriberHasNoStop) {
  Subscriber subscriber(client_, "hr", {.stop = Stop::BeforeOffsets({{0, 1}})});
  EXPECT_FALSE(subscriber.Next().has_value());
  EXPECT_EQ(subscriber.status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidemark
