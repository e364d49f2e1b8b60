#include "bench/load/seek_load.h"

#include <grpcpp/client_context.h>

#include <random>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/measure/clock.h"
#include "tidemark/v1/event_store.grpc.pb.h"

namespace tidemark::bench {
namespace {

absl::Status SeekOnce(v1::EventStore::Stub& stub, const std::string& topic, uint64_t offset) {
  v1::ReadRequest request;
  request.set_topic(topic);
  request.add_partitions(0);
  (*request.mutable_start()->mutable_offsets()->mutable_offsets())[0] = offset;
  request.set_max_events(1);
  grpc::ClientContext context;
  const auto reader = stub.Read(&context, request);
  uint64_t found = 0;
  v1::ReadResponse response;
  while (reader->Read(&response)) {
    if (!response.has_batch()) continue;
    if (response.batch().base_offset() == offset) found += response.batch().events_size();
  }
  if (const grpc::Status status = reader->Finish(); !status.ok()) return FromGrpc(status, "Read");
  if (found == 1) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("asked for the event at offset ", offset, ", the read gave ", found));
}

}  // namespace

absl::StatusOr<Recorder> RunSeeks(const SeekLoad& load) {
  const auto stub = v1::EventStore::NewStub(NewConnection(load.address));
  std::mt19937_64 random(load.seed);
  Recorder recorder(NowNs());
  for (uint32_t i = 0; i < load.seeks; ++i) {
    const int64_t begin = NowNs();
    absl::Status status = SeekOnce(*stub, load.topic, random() % load.offsets_until);
    if (!status.ok()) return status;
    const int64_t end = NowNs();
    recorder.Complete(end, end - begin, 1, 0);
  }
  return recorder;
}

}  // namespace tidemark::bench
