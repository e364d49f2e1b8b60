#include "bench/peers/peer_event.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <utility>

#include "tidemark/v1/event.pb.h"

namespace tidemark::bench {
namespace {

constexpr std::array<const char*, 4> kTypes = {"employee.created", "employee.moved",
                                               "salary.changed", "employee.left"};
constexpr int kDecodesBetweenResets = 1000;

PeerEvent MakeEvent(const EventShape& shape, const KeyChooser& keys, std::mt19937_64& random) {
  PeerEvent event;
  event.type = kTypes[random() % kTypes.size()];
  event.key = keys.Key(random());
  event.data.resize(shape.data_bytes);
  for (size_t i = 0; i < event.data.size(); i += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(event.data.data() + i, &word, std::min(sizeof(word), event.data.size() - i));
  }
  return event;
}

void EncodeBody(PeerEvent& event) {
  v1::Event message;
  message.set_type(event.type);
  message.set_key(event.key);
  message.set_data(event.data);
  event.body = message.SerializeAsString();
}

}  // namespace

std::vector<PeerBatch> MakePeerBatches(const EventShape& shape, uint32_t batch_events) {
  std::mt19937_64 random(shape.seed);
  const KeyChooser keys(shape.keys, shape.zipf);
  std::vector<PeerBatch> batches(kPeerPoolBatches);
  for (PeerBatch& batch : batches) {
    for (uint32_t i = 0; i < batch_events; ++i) {
      batch.push_back(MakeEvent(shape, keys, random));
      EncodeBody(batch.back());
    }
  }
  return batches;
}

PeerBatch TimedPeerBatch(int64_t intended_ns, const EventShape& shape, const KeyChooser& keys,
                         uint64_t number) {
  std::mt19937_64 random(shape.seed + number);
  PeerBatch batch = {MakeEvent(shape, keys, random)};
  std::memcpy(batch[0].data.data(), &intended_ns, sizeof(intended_ns));
  EncodeBody(batch[0]);
  return batch;
}

absl::Status BodyDecoder::Decode(absl::string_view body,
                                 absl::FunctionRef<void(const EventView&)> on_event) {
  if (++since_reset_ == kDecodesBetweenResets) {
    arena_.Reset();
    since_reset_ = 0;
  }
  auto& event = *google::protobuf::Arena::CreateMessage<v1::Event>(&arena_);
  if (!event.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return absl::InternalError("what was read is not the event that was written");
  }
  on_event({event.type(), event.key(), event.data()});
  return absl::OkStatus();
}

}  // namespace tidemark::bench
