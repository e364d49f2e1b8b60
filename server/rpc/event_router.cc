#include "server/rpc/event_router.h"

#include <algorithm>
#include <utility>

#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/base/murmur2.h"
#include "server/log/wire.h"
#include "server/rpc/names.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

constexpr uint64_t kSequenceMax = INT64_MAX;

void AddCut(const CutEvent& cut, log::PartitionEvents& part) {
  part.bytes += cut.bytes;
  part.cut.push_back({.run = part.runs.size(),
                      .runs = cut.pieces.size(),
                      .bytes = cut.bytes,
                      .without_data = cut.without_data});
  part.runs.insert(part.runs.end(), cut.pieces.begin(), cut.pieces.end());
}

// Whether the last run is the end of an event that was cut.
bool EndsCut(const log::PartitionEvents& part) {
  return !part.cut.empty() && part.cut.back().run + part.cut.back().runs == part.runs.size();
}

}  // namespace

EventRouter::EventRouter(log::TopicPtr topic, uint32_t spread)
    : topic_(std::move(topic)),
      partitions_(topic_->partitions()),
      index_keys_(topic_->record.config.index_keys),
      keyless_(spread % partitions_) {}

void EventRouter::Add(CheckedEvent& checked, std::optional<uint32_t> fixed) {
  const log::EventView& event = checked.view;
  const absl::string_view entry = checked.entry;
  const uint32_t partition = fixed.has_value()   ? *fixed
                             : event.key.empty() ? keyless_
                                                 : base::PartitionOfKey(event.key, partitions_);
  log::PartitionEvents& part = PartOf(partition);
  ++part.count;
  part.terms.Add(event, index_keys_);
  if (checked.cut != nullptr) return AddCut(*checked.cut, part);
  part.bytes += entry.size();
  if (checked.buffer != nullptr) {
    part.buffers.push_back(std::move(checked.buffer));
  } else if (!part.runs.empty() && !EndsCut(part)) {
    absl::string_view& run = part.runs.back();
    if (run.data() + run.size() == entry.data()) {
      run = absl::string_view(run.data(), run.size() + entry.size());
      return;
    }
  }
  part.runs.push_back(entry);
}

std::vector<log::PartitionEvents> EventRouter::Take() {
  std::sort(parts_.begin(), parts_.end(),
            [](const auto& a, const auto& b) { return a.partition < b.partition; });
  return std::move(parts_);
}

log::PartitionEvents& EventRouter::PartOf(uint32_t partition) {
  if (index_.empty()) index_.assign(partitions_, -1);
  if (index_[partition] < 0) {
    index_[partition] = static_cast<int32_t>(parts_.size());
    parts_.push_back({.partition = PartitionIndex(partition)});
  }
  return parts_[index_[partition]];
}

uint32_t ExtendFingerprint(uint32_t fingerprint, const CheckedEvent& checked) {
  uint64_t sum = checked.cut != nullptr ? checked.cut->data_sum : 0;
  log::WireReader reader(checked.event);
  log::WireField field;
  while (reader.Next(field)) sum += base::Crc32c(field.whole);
  return base::ExtendCrc32c(fingerprint,
                            absl::string_view(reinterpret_cast<const char*>(&sum), sizeof(sum)));
}

absl::StatusOr<log::ProducerSequence> DecodeProducer(absl::string_view bytes,
                                                     const RpcLimits& limits) {
  v1::Producer producer;
  if (!producer.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return InvalidField("producer", "is malformed", "MALFORMED");
  }
  absl::Status name = CheckName(producer.id(), limits.name_bytes_max, "producer.id");
  if (!name.ok()) return name;
  if (producer.sequence() > kSequenceMax) {
    return OverLimit("producer.sequence", "sequence_max", kSequenceMax, producer.sequence(), "");
  }
  return log::ProducerSequence{.id = producer.id(), .sequence = producer.sequence()};
}

}  // namespace tidemark::rpc
