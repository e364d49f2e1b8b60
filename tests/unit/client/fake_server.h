// FakeServer: a Tidemark server in this process that misbehaves on command.
//
// Faults.   OnAppend and OnRead are asked for each request or batch what to do; unset: all is well.
//           Consume runs the scripts given to OnConsume, one for each connection.
// Threads.  Scripts and fault functions run on gRPC's threads; set them before a client connects.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/unit/client/fake_log.h"
#include "tidemark/client.h"
#include "tidemark/v1/consumer_groups.grpc.pb.h"
#include "tidemark/v1/event_store.grpc.pb.h"
#include "tidemark/v1/operations.grpc.pb.h"
#include "tidemark/v1/topics.grpc.pb.h"

namespace tidemark::testing {

// What happens to a request of an AppendStream.
struct AppendFault {
  enum Kind {
    kNone,
    kBreakBefore,     // The stream ends; the request is not stored.
    kStoreThenBreak,  // It is stored; the stream ends without an answer.
    kAnswer,          // It is not stored; `status` is the answer.
    kNoAnswer,        // It is stored, and nothing is said until the client gives up.
  };
  Kind kind = kNone;
  absl::Status status{};
};

// What happens in place of a batch of a Read or Subscribe.
struct ReadFault {
  enum Kind { kNone, kBreak, kDamage, kDrain, kSilence, kGap };
  Kind kind = kNone;
};

using ConsumeStream = grpc::ServerReaderWriter<v1::ConsumeResponse, v1::ConsumeRequest>;

class FakeServer {
 public:
  explicit FakeServer(uint32_t partitions = 4);
  ~FakeServer();

  FakeLog& log() { return log_; }
  std::string address() const { return address_; }
  Client Connect() const;

  // `nth`: 0-based, over all connections.
  std::function<AppendFault(const v1::AppendRequest& request, int nth)> on_append;
  std::function<ReadFault(int nth_batch)> on_read;
  // Called for each Read and Subscribe.
  std::function<void(const v1::ReadRequest&)> on_read_request;
  // One for each Consume, in order; a further one is refused with UNAVAILABLE.
  void OnConsume(std::function<grpc::Status(ConsumeStream&)> script);

  // How many events a batch has at most.
  int batch_events = 3;
  bool send_cursors = true;
  int append_streams() const { return append_streams_; }
  int read_streams() const { return read_streams_; }
  int consume_streams() const { return consume_streams_; }

 private:
  class EventStoreService;
  class GroupsService;
  class TopicsService;
  class OperationsService;

  FakeLog log_;
  std::atomic<int> append_streams_ = 0;
  std::atomic<int> appends_ = 0;
  std::atomic<int> read_streams_ = 0;
  std::atomic<int> batches_ = 0;
  std::atomic<int> consume_streams_ = 0;
  std::atomic<bool> stopping_ = false;
  absl::Mutex mu_;
  std::deque<std::function<grpc::Status(ConsumeStream&)>> scripts_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<EventStoreService> event_store_;
  std::unique_ptr<GroupsService> groups_;
  std::unique_ptr<TopicsService> topics_;
  std::unique_ptr<OperationsService> operations_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

grpc::Status ToGrpc(const absl::Status& status);

// An event of a key, with its number as data.
Event NumberedEvent(int number, const std::string& key = "");

}  // namespace tidemark::testing
