#include "server/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tidemark::metrics {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The samples of a rendering: `name{labels}` to value.
std::map<std::string, double> Samples(const std::string& text) {
  std::map<std::string, double> samples;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, "#")) continue;
    const size_t space = line.rfind(' ');
    double value = 0;
    EXPECT_TRUE(absl::SimpleAtod(line.substr(space + 1), &value)) << line;
    EXPECT_TRUE(samples.emplace(std::string(line.substr(0, space)), value).second) << line;
  }
  return samples;
}

std::map<std::string, double> Samples(const Metrics& metrics) {
  return Samples(metrics.RenderText());
}

TEST(MetricsTest, RendersWhatTheInstrumentsCounted) {
  Metrics metrics;
  metrics.append_events_total.Increment(100);
  metrics.append_events_total.Increment();
  metrics.queue_bytes.Set(4096);
  metrics.fsync_seconds.Observe(150e-6);
  metrics.fsync_seconds.Observe(20);
  auto samples = Samples(metrics);
  EXPECT_EQ(samples.at("tidemark_append_events_total"), 101);
  EXPECT_EQ(samples.at("tidemark_queue_bytes"), 4096);
  EXPECT_EQ(samples.at("tidemark_fsync_seconds_count"), 2);
  EXPECT_EQ(samples.at("tidemark_fsync_seconds_bucket{le=\"0.0001\"}"), 0);
  EXPECT_EQ(samples.at("tidemark_fsync_seconds_bucket{le=\"0.0002\"}"), 1);
  EXPECT_EQ(samples.at("tidemark_fsync_seconds_bucket{le=\"10\"}"), 1);
  EXPECT_EQ(samples.at("tidemark_fsync_seconds_bucket{le=\"+Inf\"}"), 2);
  EXPECT_EQ(samples.at("tidemark_append_requests_total"), 0);
}

// A dashboard must find a figure before it first changes.
TEST(MetricsTest, RendersEveryInstrumentFromTheStart) {
  const Metrics metrics;
  const auto samples = Samples(metrics);
  for (const char* name :
       {"append_requests_total", "append_events_total", "append_bytes_total",
        "append_batches_total", "duplicate_appends_total", "append_seconds_count",
        "commit_groups_total", "commit_group_bytes_count", "fsync_seconds_count", "queue_bytes",
        "queue_requests", "store_failed", "read_batches_total", "read_bytes_total",
        "read_tail_hits_total", "read_store_hits_total", "corrupt_batches_total",
        "group_rebalances_total", "group_acks_total"}) {
    const auto sample = samples.find(absl::StrCat("tidemark_", name));
    ASSERT_NE(sample, samples.end()) << name;
    EXPECT_EQ(sample->second, 0) << name;
  }
}

TEST(MetricsTest, HelpsWithEveryFamilyUnderOnePrefix) {
  Metrics metrics;
  metrics.Method("EventStore/Append").Done(absl::StatusCode::kOk, absl::Milliseconds(1));
  metrics.RefusedAppends("QUEUE_FULL").Increment();
  std::set<std::string> helped;
  for (absl::string_view line : absl::StrSplit(metrics.RenderText(), '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 3));
    if (words[0] != "#") {
      EXPECT_TRUE(absl::StartsWith(line, "tidemark_")) << line;
    } else if (words[1] == "HELP") {
      ASSERT_EQ(words.size(), 4u) << "no text: " << line;
      EXPECT_TRUE(helped.insert(words[2]).second) << "twice: " << line;
    } else if (words[1] == "TYPE") {
      EXPECT_EQ(helped.count(words[2]), 1u) << "no help: " << line;
      EXPECT_EQ(words[3] == "counter", absl::EndsWith(words[2], "_total")) << line;
    }
  }
  EXPECT_GE(helped.size(), 23u);
}

TEST(MetricsTest, CountsRefusedAppendsByReason) {
  Metrics metrics;
  metrics.RefusedAppends("QUEUE_FULL").Increment();
  metrics.RefusedAppends("QUEUE_FULL").Increment();
  metrics.RefusedAppends("DRAINING").Increment();
  auto samples = Samples(metrics);
  EXPECT_EQ(samples.at("tidemark_refused_appends_total{reason=\"QUEUE_FULL\"}"), 2);
  EXPECT_EQ(samples.at("tidemark_refused_appends_total{reason=\"DRAINING\"}"), 1);
}

TEST(MetricsTest, CountsCallsByMethodAndCode) {
  Metrics metrics;
  MethodMetrics& append = metrics.Method("EventStore/Append");
  EXPECT_EQ(&metrics.Method("EventStore/Append"), &append);
  append.Done(absl::StatusCode::kOk, absl::Milliseconds(3));
  append.Done(absl::StatusCode::kOk, absl::Milliseconds(30));
  append.Done(absl::StatusCode::kNotFound, absl::ZeroDuration());
  auto samples = Samples(metrics);
  EXPECT_EQ(samples.at("tidemark_requests_total{code=\"OK\",method=\"EventStore/Append\"}"), 2);
  EXPECT_EQ(samples.at("tidemark_requests_total{code=\"NOT_FOUND\",method=\"EventStore/Append\"}"),
            1);
  EXPECT_EQ(samples.at("tidemark_request_seconds_count{method=\"EventStore/Append\"}"), 3);
  EXPECT_NEAR(samples.at("tidemark_request_seconds_sum{method=\"EventStore/Append\"}"), 0.033,
              1e-9);
  EXPECT_THAT(metrics.RenderText(), Not(HasSubstr("DATA_LOSS")));
}

TEST(MetricsTest, CountsACodeThatIsNoneAsUnknown) {
  Metrics metrics;
  metrics.Method("A/B").Done(static_cast<absl::StatusCode>(99), absl::ZeroDuration());
  EXPECT_EQ(Samples(metrics).at("tidemark_requests_total{code=\"UNKNOWN\",method=\"A/B\"}"), 1);
}

TEST(MetricsTest, FollowsStreamsFromOpeningToClosing) {
  Metrics metrics;
  MethodMetrics& consume = metrics.Method("ConsumerGroups/Consume");
  const std::string open = "tidemark_open_streams{method=\"ConsumerGroups/Consume\"}";
  consume.StreamOpened();
  consume.StreamOpened();
  EXPECT_EQ(Samples(metrics).at(open), 2);
  consume.StreamClosed(absl::StatusCode::kCancelled);
  auto samples = Samples(metrics);
  EXPECT_EQ(samples.at(open), 1);
  EXPECT_EQ(
      samples.at("tidemark_requests_total{code=\"CANCELLED\",method=\"ConsumerGroups/Consume\"}"),
      1);
}

TEST(MetricsTest, AsksCollectorsAtEveryRendering) {
  Metrics metrics;
  int calls = 0;
  metrics.AddCollector([&calls](std::vector<prometheus::MetricFamily>& out) {
    ++calls;
    out.push_back(GaugeFamily("tidemark_group_lag_events", "Lag."));
    AddSample(out.back(), {{"group", "pay\"roll"}, {"topic", "hr"}}, 10 * calls);
  });
  const std::string name = "tidemark_group_lag_events{group=\"pay\\\"roll\",topic=\"hr\"}";
  EXPECT_EQ(Samples(metrics).at(name), 10);
  EXPECT_EQ(Samples(metrics).at(name), 20);
}

// Prometheus refuses a scrape that names a family twice.
TEST(MetricsTest, MergesFamiliesOfOneName) {
  Metrics metrics;
  for (const char* shard : {"a", "b"}) {
    metrics.AddCollector([shard](std::vector<prometheus::MetricFamily>& out) {
      out.push_back(CounterFamily("tidemark_shard_files_total", "Files."));
      AddSample(out.back(), {{"shard", shard}}, 1);
    });
  }
  metrics.AddCollector([](std::vector<prometheus::MetricFamily>& out) {
    out.push_back(GaugeFamily("tidemark_shard_files_total", "Another type."));
    AddSample(out.back(), {}, 7);
  });
  const std::string text = metrics.RenderText();
  const std::vector<std::string> parts = absl::StrSplit(text, "# TYPE tidemark_shard_files_total");
  EXPECT_EQ(parts.size(), 2u);
  EXPECT_THAT(text, AllOf(HasSubstr("tidemark_shard_files_total{shard=\"a\"} 1"),
                          HasSubstr("tidemark_shard_files_total{shard=\"b\"} 1"),
                          Not(HasSubstr("tidemark_shard_files_total 7"))));
}

TEST(MetricsTest, TellsOfTheProcess) {
  const Metrics metrics;
  auto samples = Samples(metrics);
  EXPECT_GT(samples.at("tidemark_process_resident_memory_bytes"), 1 << 20);
  EXPECT_GE(samples.at("tidemark_process_virtual_memory_bytes"),
            samples.at("tidemark_process_resident_memory_bytes"));
  EXPECT_GE(samples.at("tidemark_process_threads"), 1);
  EXPECT_GE(samples.at("tidemark_process_open_fds"), 3);
  EXPECT_GE(samples.at("tidemark_process_max_fds"), samples.at("tidemark_process_open_fds"));
  EXPECT_GE(samples.at("tidemark_process_cpu_seconds_total{mode=\"user\"}"), 0);
}

TEST(MetricsTest, CountsEveryUpdateOfManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kUpdates = 10'000;
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&metrics] {
      MethodMetrics& method = metrics.Method("EventStore/Append");
      for (int j = 0; j < kUpdates; ++j) {
        method.Done(absl::StatusCode::kOk, absl::Microseconds(70));
        metrics.append_events_total.Increment(2);
        if (j % 1000 == 0) metrics.RenderText();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  auto samples = Samples(metrics);
  EXPECT_EQ(samples.at("tidemark_append_events_total"), 2 * kThreads * kUpdates);
  EXPECT_EQ(samples.at("tidemark_requests_total{code=\"OK\",method=\"EventStore/Append\"}"),
            kThreads * kUpdates);
  EXPECT_EQ(samples.at("tidemark_request_seconds_count{method=\"EventStore/Append\"}"),
            kThreads * kUpdates);
}

}  // namespace
}  // namespace tidemark::metrics
