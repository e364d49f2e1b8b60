// RawStream: one streaming call of bytes, driven by one thread that waits for whatever comes first:
// a message, the end of a write, a wake-up or a deadline.
//
// Why:      a reader must notice silence, and a producer and consumer must read while they write;
//           a completion queue of its own gives all three to one thread, without locks.
// Threads.  Everything on one thread, except Wake() and Cancel(): from any.
// Failure.  Every failure ends as kEnded, with the call's status. Nothing is reported twice.
// Lifetime. The destructor cancels the call and waits until gRPC has let go of it.
#ifndef TIDEMARK_CLIENT_SRC_RAW_STREAM_H_
#define TIDEMARK_CLIENT_SRC_RAW_STREAM_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/alarm.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"

namespace tidemark::internal {

class RawStream {
 public:
  enum class Signal {
    kTimeout,  // Nothing came in time.
    kWake,     // Wake() was called, once or more often, since the last kWake.
    kStarted,  // The call is on its way: Write and Read may begin.
    kRead,     // TakeMessage() has a message.
    kWritten,  // can_write() is true again, unless the call is ending.
    kEnded,    // Over; status() is final. Nothing more comes.
  };

  // Starts a call of `method`, as "/tidemark.v1.EventStore/Read".
  RawStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method);
  ~RawStream();
  RawStream(const RawStream&) = delete;
  RawStream& operator=(const RawStream&) = delete;

  // Waits for the next signal. A zero timeout only looks.
  Signal Wait(absl::Duration timeout);

  // True between kStarted and the end while no write is under way.
  bool can_write() const { return started_ && !writing_ && !write_closed_ && !ended_; }
  // Sends a message; requires can_write().
  void Write(const grpc::ByteBuffer& message);
  // The same, and tells the server that no more comes.
  void WriteLast(const grpc::ByteBuffer& message);

  // Asks for the next message, if it is not asked for already; requires kStarted.
  void Read();
  // The message of the last kRead, in one piece.
  grpc::Slice TakeMessage();

  const absl::Status& status() const { return status_; }

  void Wake() ABSL_LOCKS_EXCLUDED(wake_mu_);
  void Cancel() { context_.TryCancel(); }

 private:
  Signal OnCompletion(void* tag, bool ok, bool* is_signal);
  void Finish();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer incoming_;
  grpc::Status grpc_status_;
  absl::Status status_;
  bool started_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool write_closed_ = false;  // WriteLast was called, or a write failed.
  bool finishing_ = false;
  bool ended_ = false;

  absl::Mutex wake_mu_;  // Leaf.
  grpc::Alarm alarm_ ABSL_GUARDED_BY(wake_mu_);
  bool wake_pending_ ABSL_GUARDED_BY(wake_mu_) = false;
  bool closed_ ABSL_GUARDED_BY(wake_mu_) = false;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_RAW_STREAM_H_
