// What an event costs on its way in (checked) and where a filter or an index looks at it (viewed).
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "server/log/event_scan.h"

namespace tidemark::bench {
namespace {

constexpr uint32_t kEvents = 1000;

void CheckEvents(benchmark::State& state) {
  const std::vector<std::string> events = SeparateEvents(kEvents);
  const log::EventLimits limits;
  for (auto _ : state) {
    for (size_t i = 0; i < events.size(); ++i) {
      log::EventView view;
      benchmark::DoNotOptimize(log::CheckEvent(events[i], limits, i, view).ok());
      benchmark::DoNotOptimize(view);
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * events.size()));
}
BENCHMARK(CheckEvents);

void ViewEvents(benchmark::State& state) {
  const std::vector<std::string> events = SeparateEvents(kEvents);
  for (auto _ : state) {
    for (const std::string& event : events) {
      log::EventView view;
      benchmark::DoNotOptimize(log::ViewEvent(event, view).ok());
      benchmark::DoNotOptimize(view);
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * events.size()));
}
BENCHMARK(ViewEvents);

// What a client's decoding of the same events costs, to compare with.
void ParseWithProtobuf(benchmark::State& state) {
  const std::string bytes = EncodedEvents(kEvents);
  google::protobuf::Arena arena;
  for (auto _ : state) {
    arena.Reset();
    auto& request = *google::protobuf::Arena::CreateMessage<v1::AppendRequest>(&arena);
    benchmark::DoNotOptimize(request.ParseFromString(bytes));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}
BENCHMARK(ParseWithProtobuf);

}  // namespace
}  // namespace tidemark::bench
