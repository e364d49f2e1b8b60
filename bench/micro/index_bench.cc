// Index entries: collecting what a batch holds, and grouping a segment by type and by key.
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "server/log/event_terms.h"
#include "server/log/segment_builder.h"

namespace tidemark::bench {
namespace {

constexpr uint32_t kBatchEvents = 1000;

void CollectTermsOfABatch(benchmark::State& state) {
  const std::string events = EncodedEvents(kBatchEvents);
  const bool index_keys = state.range(0) != 0;
  for (auto _ : state) {
    log::BatchTerms terms;
    benchmark::DoNotOptimize(log::CollectTerms(events, index_keys, terms).ok());
    benchmark::DoNotOptimize(terms);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatchEvents));
}
BENCHMARK(CollectTermsOfABatch)->ArgName("keys")->Arg(0)->Arg(1);

// A segment of batches that differ; its rows are not written.
void BuildASegment(benchmark::State& state) {
  const auto batches = static_cast<uint64_t>(state.range(0));
  std::vector<storage::BatchPtr> segment;
  for (std::string& events : EncodedBatches(kBatchEvents, batches)) {
    segment.push_back(
        MakeStoredBatch(segment.size() * kBatchEvents, kBatchEvents, std::move(events)));
  }
  for (auto _ : state) {
    log::SegmentBuilder builder(/*index_keys=*/true);
    for (const storage::BatchPtr& batch : segment) {
      benchmark::DoNotOptimize(builder.Add(*batch).ok());
    }
    benchmark::DoNotOptimize(builder.bytes());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * batches * kBatchEvents));
}
BENCHMARK(BuildASegment)->ArgName("batches")->Arg(10)->Arg(50)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tidemark::bench
