// Events for the microbenchmarks: the same as the load generator's.
#ifndef TIDEMARK_BENCH_MICRO_EVENTS_H_
#define TIDEMARK_BENCH_MICRO_EVENTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/load/event_pool.h"
#include "server/storage/batch_codec.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {

// The encoded `events` fields of `batches` requests of `count` events with 100 bytes of data each.
inline std::vector<std::string> EncodedBatches(uint32_t count, size_t batches) {
  const EventPool pool({}, count);
  std::vector<std::string> encoded;
  for (size_t i = 0; i < batches; ++i) {
    const grpc::Slice& entry = pool.Entry(i);
    encoded.emplace_back(reinterpret_cast<const char*>(entry.begin()), entry.size());
  }
  return encoded;
}
inline std::string EncodedEvents(uint32_t count) { return EncodedBatches(count, 1)[0]; }

// Each event on its own, encoded.
inline std::vector<std::string> SeparateEvents(uint32_t count) {
  v1::AppendRequest request;
  request.ParseFromString(EncodedEvents(count));
  std::vector<std::string> events;
  for (const v1::Event& event : request.events()) events.push_back(event.SerializeAsString());
  return events;
}

inline storage::BatchPtr MakeStoredBatch(uint64_t base_offset, uint32_t count, std::string events) {
  auto owner = std::make_shared<const std::string>(std::move(events));
  auto batch = std::make_shared<storage::StoredBatch>();
  batch->header = {.log = LogId(1),
                   .base_offset = Offset(base_offset),
                   .count = count,
                   .append_time_us = 1,
                   .events_bytes = static_cast<uint32_t>(owner->size())};
  batch->events = *owner;
  batch->owner = std::move(owner);
  return batch;
}

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_MICRO_EVENTS_H_
