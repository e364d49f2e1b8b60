#include "bench/load/read_load.h"

#include <memory>
#include <thread>
#include <vector>

#include "bench/load/connection.h"
#include "bench/measure/clock.h"

namespace tidemark::bench {
namespace {

grpc::ByteBuffer RequestOf(const ReadLoad& load) {
  v1::ReadRequest request;
  request.set_topic(load.topic);
  if (load.start_offset.has_value()) {
    (*request.mutable_start()->mutable_offsets()->mutable_offsets())[0] = *load.start_offset;
  } else {
    request.mutable_start()->mutable_earliest();
  }
  for (const std::string& type : load.types) request.mutable_filter()->add_types(type);
  for (const std::string& key : load.keys) request.mutable_filter()->add_keys(key);
  if (load.max_batch_bytes > 0) request.set_max_batch_bytes(load.max_batch_bytes);
  if (load.max_events > 0) request.set_max_events(load.max_events);
  return ToByteBuffer(request.SerializeAsString());
}

}  // namespace

TopicReader::TopicReader(const ReadLoad& load)
    : load_(load), stream_(load.address, kReadMethod), parser_(load.check_offsets) {}

absl::Status TopicReader::Run(absl::FunctionRef<void(uint64_t events, uint64_t bytes)> on_message) {
  const absl::Status status = stream_.Run(RequestOf(load_), [&](grpc::ByteBuffer& message) {
    const uint64_t bytes = message.Length();
    on_message(EventsIn(message), bytes);
  });
  if (!status.ok()) return status;
  return parser_.status();
}

uint64_t TopicReader::EventsIn(grpc::ByteBuffer& message) {
  if (!load_.parse) return 0;
  return parser_.Parse(message, [this](const v1::Event& event) {
    data_bytes_ += event.type().size() + event.key().size() + event.data().size();
  });
}

absl::StatusOr<Recorder> RunReadLoad(const ReadLoad& load) {
  std::vector<std::unique_ptr<TopicReader>> readers;
  for (uint32_t i = 0; i < load.readers; ++i) {
    readers.push_back(std::make_unique<TopicReader>(load));
  }
  std::vector<absl::Status> statuses(load.readers);
  std::vector<std::thread> threads;
  const int64_t start_ns = NowNs();
  std::vector<Recorder> recorders(load.readers, Recorder(start_ns));
  for (uint32_t i = 0; i < load.readers; ++i) {
    threads.emplace_back([&, i] {
      int64_t previous_ns = start_ns;
      statuses[i] = readers[i]->Run([&](uint64_t events, uint64_t bytes) {
        const int64_t now = NowNs();
        recorders[i].Complete(now, now - previous_ns, events, bytes);
        previous_ns = now;
      });
    });
  }
  for (std::thread& thread : threads) thread.join();
  Recorder total(start_ns);
  for (uint32_t i = 0; i < load.readers; ++i) {
    if (!statuses[i].ok()) return statuses[i];
    total.Merge(recorders[i]);
  }
  return total;
}

}  // namespace tidemark::bench
