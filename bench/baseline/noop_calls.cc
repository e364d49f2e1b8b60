#include "bench/baseline/noop_calls.h"

#include <google/protobuf/arena.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/event_pool.h"

namespace tidemark::bench {
namespace {

v1::AppendResponse SampleAnswer() {
  v1::AppendResponse answer;
  v1::OffsetRange& range = *answer.add_ranges();
  range.set_topic("bench-append-1700000000000000000");
  range.set_first_offset(12'345'678);
  range.set_count(1000);
  answer.set_position(12'345'678);
  answer.mutable_append_time()->set_seconds(1'700'000'000);
  answer.mutable_append_time()->set_nanos(123'000'000);
  answer.set_durability(v1::DURABILITY_SYNCED);
  return answer;
}

const grpc::ByteBuffer& UnaryAnswer() {
  static const grpc::ByteBuffer answer = ToByteBuffer(SampleAnswer().SerializeAsString());
  return answer;
}

const grpc::ByteBuffer& StreamAnswer() {
  static const grpc::ByteBuffer answer = [] {
    v1::AppendStreamResponse response;
    *response.mutable_appended() = SampleAnswer();
    return ToByteBuffer(response.SerializeAsString());
  }();
  return answer;
}

// A ReadResponse with one batch of events of the default shape, of about `bytes` bytes.
grpc::ByteBuffer BatchMessage(uint64_t bytes) {
  const EventPool one(EventShape{}, 1);
  const uint64_t events = std::max<uint64_t>(1, bytes / one.Entry(0).size());
  const EventPool pool(EventShape{}, static_cast<uint32_t>(events));
  v1::ReadResponse response;
  v1::EventBatch& batch = *response.mutable_batch();
  const grpc::Slice& entry = pool.Entry(0);
  // The `events` field has the same number in AppendRequest and EventBatch.
  batch.ParseFromArray(entry.begin(), static_cast<int>(entry.size()));
  batch.set_topic("bench");
  batch.set_position(1);
  batch.mutable_append_time()->set_seconds(1'700'000'000);
  return ToByteBuffer(response.SerializeAsString());
}

class AppendCall : public Completion {
 public:
  AppendCall(NoopService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue), writer_(&context_) {
    service.RequestAppend(&context_, &request_, &writer_, &queue, &queue, this);
  }

  void Complete(bool ok) override {
    if (!ok || answered_) {
      delete this;
      return;
    }
    AcceptAppend(service_, queue_);
    answered_ = true;
    writer_.Finish(UnaryAnswer(), grpc::Status::OK, this);
  }

 private:
  NoopService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_;
  bool answered_ = false;
};

// Reads and writes at the same time: the next request is received while answers leave.
class AppendStreamCall : public Completion {
 public:
  AppendStreamCall(NoopService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue), stream_(&context_), written_(*this) {
    service.RequestAppendStream(&context_, &stream_, &queue, &queue, this);
  }

  // The call arrived, or a request was read.
  void Complete(bool ok) override {
    if (!accepted_) {
      if (!ok) {
        delete this;
        return;
      }
      accepted_ = true;
      AcceptAppendStream(service_, queue_);
    } else if (finishing_) {
      delete this;
      return;
    } else if (!ok) {
      reading_ = false;
      FinishIfDone();
      return;
    } else {
      Decode();
      ++owed_;
      WriteIfFree();
    }
    stream_.Read(&request_, this);
  }

 private:
  struct Written : Completion {
    explicit Written(AppendStreamCall& call) : call(call) {}
    void Complete(bool ok) override { call.OnWritten(ok); }
    AppendStreamCall& call;
  };

  void Decode() {
    arena_.Reset();
    auto& request = *google::protobuf::Arena::CreateMessage<v1::AppendRequest>(&arena_);
    grpc::ProtoBufferReader reader(&request_);
    if (!request.ParseFromZeroCopyStream(&reader)) context_.TryCancel();
  }

  void WriteIfFree() {
    if (writing_ || owed_ == 0) return;
    --owed_;
    writing_ = true;
    stream_.Write(StreamAnswer(), &written_);
  }

  void OnWritten(bool ok) {
    writing_ = false;
    if (!ok) owed_ = 0;
    WriteIfFree();
    FinishIfDone();
  }

  void FinishIfDone() {
    if (reading_ || writing_ || owed_ > 0 || finishing_) return;
    finishing_ = true;
    stream_.Finish(grpc::Status::OK, this);
  }

  NoopService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;
  Written written_;
  grpc::ByteBuffer request_;
  google::protobuf::Arena arena_;
  uint64_t owed_ = 0;
  bool accepted_ = false;
  bool reading_ = true;
  bool writing_ = false;
  bool finishing_ = false;
};

class ReadCall : public Completion {
 public:
  ReadCall(NoopService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue), writer_(&context_) {
    service.RequestRead(&context_, &request_, &writer_, &queue, &queue, this);
  }

  void Complete(bool ok) override {
    if (!ok || finishing_) {
      delete this;
      return;
    }
    if (!accepted_) {
      accepted_ = true;
      AcceptRead(service_, queue_);
      Begin();
    }
    if (left_ == 0) {
      finishing_ = true;
      writer_.Finish(grpc::Status::OK, this);
      return;
    }
    --left_;
    writer_.Write(message_, this);
  }

 private:
  void Begin() {
    v1::ReadRequest request;
    grpc::ProtoBufferReader reader(&request_);
    if (!request.ParseFromZeroCopyStream(&reader)) return;
    left_ = request.max_events();
    message_ = BatchMessage(request.max_batch_bytes());
  }

  NoopService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
  grpc::ByteBuffer message_;
  uint64_t left_ = 0;
  bool accepted_ = false;
  bool finishing_ = false;
};

}  // namespace

void AcceptAppend(NoopService& service, grpc::ServerCompletionQueue& queue) {
  new AppendCall(service, queue);
}

void AcceptAppendStream(NoopService& service, grpc::ServerCompletionQueue& queue) {
  new AppendStreamCall(service, queue);
}

void AcceptRead(NoopService& service, grpc::ServerCompletionQueue& queue) {
  new ReadCall(service, queue);
}

}  // namespace tidemark::bench
