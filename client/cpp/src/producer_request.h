// ProducerRequest: events that travel together, from the first Send to the last answer.
// RequestBuilder: encodes events into the one buffer that gRPC then sends without a copy.
//
// Threads. One at a time.
#ifndef TIDEMARK_CLIENT_SRC_PRODUCER_REQUEST_H_
#define TIDEMARK_CLIENT_SRC_PRODUCER_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "tidemark/event.h"
#include "tidemark/producer.h"

namespace tidemark::internal {

struct ProducerRequest {
  struct Callback {
    uint32_t index;  // Of the event in this request.
    Producer::AckCallback done;
  };

  grpc::Slice events;  // Encoded, with tags: AppendRequest.events.
  uint32_t event_count = 0;
  std::vector<Callback> callbacks;  // By index; only of events that have one.
  absl::Time sealed_at;             // SteadyNow().
  uint64_t flush_epoch = 0;         // Which Flush waits for it.

  // Of the sending; set by SendWindow.
  uint64_t sequence = 0;
  uint32_t sends = 0;  // Under the present producer id and sequence.
  absl::Time sent_at;
  bool old_copy = false;  // One may still reach the server over a broken connection.

  absl::string_view bytes() const {
    return {reinterpret_cast<const char*>(events.begin()), events.size()};
  }
};

class RequestBuilder {
 public:
  RequestBuilder() = default;
  ~RequestBuilder() { std::free(buffer_); }
  RequestBuilder(const RequestBuilder&) = delete;
  RequestBuilder& operator=(const RequestBuilder&) = delete;

  // Adds an event whose EncodedSize is `encoded_size`.
  void Add(const Event& event, size_t encoded_size);
  void Add(const Event& event, size_t encoded_size, Producer::AckCallback done);

  bool empty() const { return event_count_ == 0; }
  size_t bytes() const { return size_; }
  uint32_t event_count() const { return event_count_; }

  // What was added, and begins anew.
  std::unique_ptr<ProducerRequest> Seal();

 private:
  void Reserve(size_t more);

  char* buffer_ = nullptr;  // From malloc; gRPC frees it when the request is done.
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t last_size_ = 0;  // Of the request before: a guess of this one's.
  uint32_t event_count_ = 0;
  std::vector<ProducerRequest::Callback> callbacks_;
};

// The bytes of an AppendRequest.
grpc::ByteBuffer EncodeAppendRequest(absl::string_view topic, std::optional<uint32_t> partition,
                                     absl::string_view producer_id, const ProducerRequest& request);

// Takes the events with these indices out of the request, and gives their callbacks.
std::vector<ProducerRequest::Callback> RemoveEvents(const std::set<uint32_t>& indices,
                                                    ProducerRequest* request);

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_PRODUCER_REQUEST_H_
