#include "bench/load/read_load.h"

#include <memory>
#include <thread>
#include <vector>

#include "bench/load/batch_parser.h"
#include "bench/load/connection.h"
#include "bench/load/server_stream.h"
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

class Reader {
 public:
  explicit Reader(const ReadLoad& load)
      : load_(load),
        stream_(load.address, kReadMethod),
        parser_(load.check_offsets),
        recorder_(0) {}

  // Requires: `start_ns` is the same for all readers of a run.
  absl::Status Run(int64_t start_ns);
  const Recorder& recorder() const { return recorder_; }

 private:
  uint64_t EventsIn(grpc::ByteBuffer& message);

  const ReadLoad& load_;
  ServerStream stream_;
  BatchParser parser_;
  // What the events hold, added up: a client that looks at nothing would be compiled away.
  uint64_t data_bytes_ = 0;
  Recorder recorder_;
};

absl::Status Reader::Run(int64_t start_ns) {
  recorder_ = Recorder(start_ns);
  int64_t previous_ns = start_ns;
  const absl::Status status = stream_.Run(RequestOf(load_), [&](grpc::ByteBuffer& message) {
    const uint64_t bytes = message.Length();
    const uint64_t events = EventsIn(message);
    const int64_t now = NowNs();
    recorder_.Complete(now, now - previous_ns, events, bytes);
    previous_ns = now;
  });
  if (!status.ok()) return status;
  return parser_.status();
}

uint64_t Reader::EventsIn(grpc::ByteBuffer& message) {
  if (!load_.parse) return 0;
  return parser_.Parse(message, [this](const v1::Event& event) {
    data_bytes_ += event.type().size() + event.key().size() + event.data().size();
  });
}

}  // namespace

absl::StatusOr<Recorder> RunReadLoad(const ReadLoad& load) {
  std::vector<std::unique_ptr<Reader>> readers;
  for (uint32_t i = 0; i < load.readers; ++i) readers.push_back(std::make_unique<Reader>(load));
  std::vector<absl::Status> statuses(load.readers);
  std::vector<std::thread> threads;
  const int64_t start_ns = NowNs();
  for (uint32_t i = 0; i < load.readers; ++i) {
    threads.emplace_back([&, i] { statuses[i] = readers[i]->Run(start_ns); });
  }
  for (std::thread& thread : threads) thread.join();
  Recorder total(start_ns);
  for (uint32_t i = 0; i < load.readers; ++i) {
    if (!statuses[i].ok()) return statuses[i];
    total.Merge(readers[i]->recorder());
  }
  return total;
}

}  // namespace tidemark::bench
