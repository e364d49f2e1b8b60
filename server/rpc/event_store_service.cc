#include "server/rpc/event_store_service.h"

#include "server/base/error.h"
#include "server/rpc/append_encoder.h"
#include "server/rpc/names.h"

namespace tidemark::rpc {

absl::Status EventStoreService::GetProducer(const v1::GetProducerRequest& request,
                                            v1::GetProducerResponse& response) {
  absl::Status status = CheckName(request.id(), context_.limits.name_bytes_max, "id");
  if (!status.ok()) return status;
  const storage::Store& store = context_.log.store();
  absl::StatusOr<std::optional<uint64_t>> sequence = store.ReadLastSequence(request.id());
  if (!sequence.ok()) return sequence.status();
  if (!sequence->has_value()) return NoSuch("producer", request.id(), ": nothing was stored by it");
  absl::StatusOr<std::optional<storage::ProducerRecord>> record =
      store.ReadProducer(request.id(), **sequence);
  if (!record.ok()) return record.status();
  if (!record->has_value()) return absl::DataLossError("a producer's newest record is missing");
  response.set_last_sequence(**sequence);
  const log::TopicPtr topic = context_.log.catalog().FindById((*record)->topic);
  FillAppendResponse({.ranges = (*record)->ranges,
                      .revisions = (*record)->revisions,
                      .position = (*record)->position,
                      .append_time = absl::FromUnixMicros((*record)->append_time_us),
                      .duplicate = false,
                      .durability = (*record)->durability},
                     topic == nullptr ? "" : topic->name(), context_.log.catalog(),
                     *response.mutable_last_response());
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
