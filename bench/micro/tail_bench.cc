// The tail: publishing batches under a budget, and a live reader that takes the newest.
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "server/log/partition.h"
#include "server/log/tail.h"

namespace tidemark::bench {
namespace {

constexpr uint64_t kBudgetBytes = 1 << 20;

// Batches of one event: what a publication costs, and the eviction of the one that leaves for it.
void PublishAndEvict(benchmark::State& state) {
  auto partition = std::make_shared<log::Partition>(
      LogId(1), log::Partition::Ends{.start = Offset(0), .end = Offset(0)});
  log::TailBudget budget(kBudgetBytes);
  const storage::BatchPtr first = MakeStoredBatch(0, 1, EncodedEvents(1));
  uint64_t next = 0;
  for (auto _ : state) {
    auto batch = std::make_shared<storage::StoredBatch>(*first);
    batch->header.base_offset = Offset(next++);
    const storage::BatchPtr published = std::move(batch);
    partition->Publish({&published, 1});
    budget.Add(partition, *published);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(PublishAndEvict);

// A reader `behind` batches behind takes up to 128 KiB.
void ReadTheTail(benchmark::State& state) {
  const auto behind = static_cast<uint64_t>(state.range(0));
  constexpr uint64_t kBatches = 5000;
  log::Partition partition(LogId(1), log::Partition::Ends{.start = Offset(0), .end = Offset(0)});
  const storage::BatchPtr first = MakeStoredBatch(0, 1, EncodedEvents(1));
  for (uint64_t i = 0; i < kBatches; ++i) {
    auto batch = std::make_shared<storage::StoredBatch>(*first);
    batch->header.base_offset = Offset(i);
    const storage::BatchPtr published = std::move(batch);
    partition.Publish({&published, 1});
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(partition.ReadTail(Offset(kBatches - behind), 128 << 10));
  }
}
BENCHMARK(ReadTheTail)->ArgName("behind")->Arg(1)->Arg(100)->Arg(5000);

}  // namespace
}  // namespace tidemark::bench
