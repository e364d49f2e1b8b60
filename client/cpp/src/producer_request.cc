#include "client/cpp/src/producer_request.h"

#include <algorithm>
#include <new>

#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/steady_time.h"
#include "client/cpp/src/wire.h"

namespace tidemark::internal {
namespace {

constexpr size_t kCapacityMin = 1 << 10;

// Fields of AppendRequest and Producer.
constexpr uint32_t kTopicTag = MakeTag(1, kLengthDelimited);
constexpr uint32_t kPartitionTag = MakeTag(3, kVarint);
constexpr uint32_t kProducerTag = MakeTag(6, kLengthDelimited);
constexpr uint32_t kProducerIdTag = MakeTag(1, kLengthDelimited);
constexpr uint32_t kProducerSequenceTag = MakeTag(2, kVarint);

}  // namespace

void RequestBuilder::Reserve(size_t more) {
  if (size_ + more <= capacity_) return;
  const size_t guess = buffer_ == nullptr ? last_size_ + last_size_ / 8 : capacity_ * 2;
  capacity_ = std::max({size_ + more, guess, kCapacityMin});
  auto* const grown = static_cast<char*>(std::realloc(buffer_, capacity_));
  if (grown == nullptr) throw std::bad_alloc();
  buffer_ = grown;
}

void RequestBuilder::Add(const Event& event, size_t encoded_size) {
  Reserve(BytesFieldSize(encoded_size));
  char* out = buffer_ + size_;
  *out++ = kEventsTag;
  out = PutVarint(out, encoded_size);
  out = EncodeEvent(event, out);
  size_ = static_cast<size_t>(out - buffer_);
  ++event_count_;
}

void RequestBuilder::Add(const Event& event, size_t encoded_size, Producer::AckCallback done) {
  callbacks_.push_back({event_count_, std::move(done)});
  Add(event, encoded_size);
}

std::unique_ptr<ProducerRequest> RequestBuilder::Seal() {
  auto request = std::make_unique<ProducerRequest>();
  request->events = grpc::Slice(buffer_, size_, &std::free);
  request->event_count = event_count_;
  request->callbacks = std::move(callbacks_);
  request->sealed_at = SteadyNow();
  last_size_ = size_;
  buffer_ = nullptr;
  size_ = capacity_ = 0;
  event_count_ = 0;
  callbacks_.clear();
  return request;
}

grpc::ByteBuffer EncodeAppendRequest(absl::string_view topic, std::optional<uint32_t> partition,
                                     absl::string_view producer_id,
                                     const ProducerRequest& request) {
  const size_t producer_size =
      BytesFieldSize(producer_id.size()) + 1 + VarintSize(request.sequence);
  std::string header;
  header.resize(BytesFieldSize(topic.size()) + (partition ? 1 + VarintSize(*partition) : 0) +
                BytesFieldSize(producer_size));
  char* out = PutBytes(header.data(), kTopicTag, topic);
  if (partition) {
    *out++ = kPartitionTag;
    out = PutVarint(out, *partition);
  }
  *out++ = kProducerTag;
  out = PutVarint(out, producer_size);
  out = PutBytes(out, kProducerIdTag, producer_id);
  *out++ = kProducerSequenceTag;
  PutVarint(out, request.sequence);
  const grpc::Slice slices[] = {grpc::Slice(header), request.events};
  return grpc::ByteBuffer(slices, 2);
}

std::vector<ProducerRequest::Callback> RemoveEvents(const std::set<uint32_t>& indices,
                                                    ProducerRequest* request) {
  std::vector<ProducerRequest::Callback> removed, kept;
  std::string rest;
  WireReader reader(request->bytes());
  auto callback = request->callbacks.begin();
  uint32_t kept_count = 0;
  for (uint32_t index = 0; index < request->event_count; ++index) {
    const char* const from = reader.position();
    uint32_t tag;
    absl::string_view event;
    reader.Tag(&tag);
    reader.Bytes(&event);
    const bool remove = indices.count(index) != 0;
    if (callback != request->callbacks.end() && callback->index == index) {
      callback->index = kept_count;
      (remove ? removed : kept).push_back(std::move(*callback++));
    }
    if (remove) continue;
    rest.append(from, static_cast<size_t>(reader.position() - from));
    ++kept_count;
  }
  request->events = grpc::Slice(rest);
  request->event_count = kept_count;
  request->callbacks = std::move(kept);
  return removed;
}

}  // namespace tidemark::internal
