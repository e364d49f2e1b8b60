// ReadLoop: keeps one Read or Subscribe going across connections.
//
// Terms.    silence: nothing arrived, not even a heartbeat. contact: anything arrived.
// Invariant. At most one stream at a time; after the loop is done there is none.
// Threads.  One thread reads; Cancel from any.
// Failure.  Broken connections are met by connecting again after a pause; every other error is
// final.
#ifndef TIDEMARK_CLIENT_SRC_READ_LOOP_H_
#define TIDEMARK_CLIENT_SRC_READ_LOOP_H_

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/cpp/src/backoff.h"
#include "client/cpp/src/raw_stream.h"
#include "client/cpp/src/read_plan.h"
#include "tidemark/client.h"
#include "tidemark/reader.h"

namespace tidemark::internal {

class ReadLoop {
 public:
  ReadLoop(const Client& client, absl::string_view topic, StreamOptions options, bool endless);

  // As in EventStream.
  std::optional<StreamItem> Next();
  void Cancel() ABSL_LOCKS_EXCLUDED(mu_);
  const absl::Status& status() const { return status_; }
  const std::string& cursor() const { return plan_.cursor(); }
  std::map<uint32_t, uint64_t> next_offsets() const;
  uint64_t gap_events() const { return gap_events_; }
  uint64_t connections() const { return connections_; }

  // The next event, notes on the way going to the options' functions; null at the end.
  const ReceivedEvent* NextEvent();

 private:
  bool NextBatch();
  bool Connect();
  grpc::ByteBuffer MakeRequest() const;
  std::optional<StreamItem> OnMessage(const grpc::Slice& message);
  std::optional<StreamItem> OnBatch(const grpc::Slice& message, absl::string_view encoded);
  std::optional<StreamItem> OnNote(absl::string_view encoded);
  void OnEnd(const absl::Status& status);
  void OnBroken(const absl::Status& cause);
  void Done(const absl::Status& status);
  void ReplaceStream(std::unique_ptr<RawStream> stream) ABSL_LOCKS_EXCLUDED(mu_);
  bool cancelled() ABSL_LOCKS_EXCLUDED(mu_);

  const Client client_;
  const StreamOptions options_;
  const bool endless_;
  ReadPlan plan_;
  Backoff backoff_;
  absl::Status status_;
  bool done_ = false;
  uint64_t gap_events_ = 0;
  uint64_t connections_ = 0;
  absl::Time last_contact_;
  // For the event forms.
  Batch batch_;
  Batch::Iterator at_;

  absl::Mutex mu_;  // RawStream's wake lock may be taken under it.
  // Written by the reading thread under mu_, so that thread may read it without.
  std::unique_ptr<RawStream> stream_;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tidemark::internal

#endif  // TIDEMARK_CLIENT_SRC_READ_LOOP_H_
