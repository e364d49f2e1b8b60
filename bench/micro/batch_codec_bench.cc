// Stored batches: header, checksums, and taking a value apart.
#include <benchmark/benchmark.h>

#include "bench/micro/events.h"
#include "server/base/crc32c.h"
#include "server/storage/batch_codec.h"

namespace tidemark::bench {
namespace {

void Checksum(benchmark::State& state) {
  const std::string bytes(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(base::Crc32c(bytes));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(Checksum)->Arg(140)->Arg(14'000)->Arg(140'000);

void EncodeHeader(benchmark::State& state) {
  const storage::BatchPtr batch = MakeStoredBatch(7, 10, EncodedEvents(10));
  for (auto _ : state) benchmark::DoNotOptimize(storage::EncodeBatchHeader(batch->header));
}
BENCHMARK(EncodeHeader);

void DecodeBatches(benchmark::State& state) {
  const auto count = static_cast<uint32_t>(state.range(0));
  const storage::BatchPtr batch = MakeStoredBatch(7, count, EncodedEvents(count));
  storage::BatchHeader header = batch->header;
  header.events_crc32c = base::Crc32c(batch->events);
  const std::string value =
      storage::EncodeBatchHeader(header) + std::string(batch->events.data(), batch->events.size());
  for (auto _ : state) {
    storage::BatchHeader decoded;
    absl::string_view events;
    const bool ok = storage::DecodeBatch(LogId(1), Offset(7), value, decoded, events).ok();
    if (!ok) state.SkipWithError("a stored batch does not decode");
    benchmark::DoNotOptimize(events);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * value.size()));
}
BENCHMARK(DecodeBatches)->Arg(1)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace tidemark::bench
