#include "client/cpp/src/raw_stream.h"

#include "client/cpp/src/status_codec.h"
#include "grpc/support/time.h"

namespace tidemark::internal {
namespace {

// Tags of the completion queue.
char kStartTag, kReadTag, kWriteTag, kFinishTag, kWakeTag;

gpr_timespec DeadlineAfter(absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return gpr_time_0(GPR_CLOCK_MONOTONIC);
  if (timeout >= absl::Hours(24 * 365)) return gpr_inf_future(GPR_CLOCK_MONOTONIC);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                      gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN));
}

}  // namespace

RawStream::RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method) {
  call_ = grpc::GenericStub(channel).PrepareCall(&context_, method, &queue_);
  call_->StartCall(&kStartTag);
}

RawStream::~RawStream() {
  {
    absl::MutexLock lock(&wake_mu_);
    closed_ = true;
    alarm_.Cancel();
  }
  context_.TryCancel();
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void RawStream::Finish() {
  if (finishing_) return;
  finishing_ = true;
  call_->Finish(&grpc_status_, &kFinishTag);
}

RawStream::Signal RawStream::Wait(absl::Duration timeout) {
  const gpr_timespec deadline = DeadlineAfter(timeout);
  while (!ended_) {
    void* tag;
    bool ok;
    if (queue_.AsyncNext(&tag, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
      return Signal::kTimeout;
    }
    bool is_signal = false;
    const Signal signal = OnCompletion(tag, ok, &is_signal);
    if (is_signal) return signal;
  }
  return Signal::kEnded;
}

RawStream::Signal RawStream::OnCompletion(void* tag, bool ok, bool* is_signal) {
  *is_signal = true;
  if (tag == &kWakeTag) {
    absl::MutexLock lock(&wake_mu_);
    wake_pending_ = false;
    return Signal::kWake;
  }
  if (tag == &kFinishTag) {
    ended_ = true;
    status_ = FromGrpcStatus(grpc_status_);
    return Signal::kEnded;
  }
  if (tag == &kStartTag && ok) {
    started_ = true;
    return Signal::kStarted;
  }
  if (tag == &kReadTag) {
    reading_ = false;
    if (ok) return Signal::kRead;
  }
  if (tag == &kWriteTag) {
    writing_ = false;
    if (ok) return Signal::kWritten;
    // The answers that came before the break can still be read; the end comes as a failed read.
    write_closed_ = true;
    Read();
    *is_signal = false;
    return Signal::kWritten;
  }
  Finish();
  *is_signal = false;
  return Signal::kEnded;
}

void RawStream::Write(const grpc::ByteBuffer& message) {
  writing_ = true;
  call_->Write(message, &kWriteTag);
}

void RawStream::WriteLast(const grpc::ByteBuffer& message) {
  writing_ = true;
  write_closed_ = true;
  call_->WriteLast(message, grpc::WriteOptions(), &kWriteTag);
}

void RawStream::Read() {
  if (reading_ || finishing_ || ended_) return;
  reading_ = true;
  call_->Read(&incoming_, &kReadTag);
}

grpc::Slice RawStream::TakeMessage() {
  grpc::Slice slice;
  if (!incoming_.TrySingleSlice(&slice).ok()) incoming_.DumpToSingleSlice(&slice);
  incoming_.Clear();
  return slice;
}

void RawStream::Wake() {
  absl::MutexLock lock(&wake_mu_);
  if (wake_pending_ || closed_) return;
  wake_pending_ = true;
  alarm_.Set(&queue_, gpr_time_0(GPR_CLOCK_MONOTONIC), &kWakeTag);
}

}  // namespace tidemark::internal
