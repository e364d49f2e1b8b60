#include "client/cpp/src/consume_wire.h"

#include <utility>

#include "client/cpp/src/wire.h"

namespace tidemark::internal {
namespace {

constexpr uint32_t kDeliveryTag = MakeTag(4, kLengthDelimited);         // ConsumeResponse.delivery
constexpr uint32_t kMoreDeliveriesTag = MakeTag(12, kLengthDelimited);  // .more_deliveries

}  // namespace

absl::StatusOr<ConsumeMessage> ParseConsumeMessage(const grpc::Slice& message) {
  const absl::string_view encoded(reinterpret_cast<const char*>(message.begin()), message.size());
  ConsumeMessage parsed;
  WireReader reader(encoded);
  uint32_t tag = 0;
  absl::string_view delivery;
  uint32_t expected = kDeliveryTag;
  while (reader.Tag(&tag) && tag == expected && reader.Bytes(&delivery)) {
    absl::StatusOr<std::shared_ptr<BatchData>> data = ParseDelivery(message, delivery);
    if (!data.ok()) {
      parsed.damage = data.status();
      return parsed;
    }
    parsed.deliveries.push_back(*std::move(data));
    expected = kMoreDeliveriesTag;
  }
  if (!parsed.deliveries.empty()) return parsed;
  if (!parsed.note.emplace().ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return absl::DataLossError("the server sent bytes that are no ConsumeResponse");
  }
  return parsed;
}

}  // namespace tidemark::internal
