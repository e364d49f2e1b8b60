#include "server/rpc/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/base/executor.h"
#include "server/base/system_clock.h"
#include "server/rpc/data_plane.h"
#include "server/rpc/socket_guard.h"

namespace tidemark::rpc {
namespace {

// Calls of each method that wait on each queue for a client: while one is being taken, others are.
constexpr int kWaitingUnaryCalls = 32;
constexpr int kWaitingStreams = 4;
constexpr int kWaitingControlCalls = 16;

// A message above the request limit is still taken in, so that its sender gets our error with the
// limit's name instead of the transport's. Up to this size: it is held in memory meanwhile.
constexpr uint64_t kTransportBytesMax = 64ull << 20;
constexpr uint64_t kOversizeBytes = 1ull << 20;  // At least so much above the limit.

// What gRPC may occupy beside the requests that wait to be committed: beyond it, it ends calls and
// connections.
constexpr uint64_t kTransportQuotaBytes = 64ull << 20;
// Calls of server reflection at a time, the only ones left that are synchronous, and the polling
// threads; further ones are refused. gRPC's own bound is none.
constexpr int kSyncThreadsMax = 16;
// Threads of the control plane. Changes wait for commits, which take many of them at once.
constexpr int kLookThreads = 4;
constexpr int kChangeThreads = 32;
constexpr int kOperateThreads = 4;
// What calls of the control plane may occupy, their requests and unread answers included.
constexpr uint64_t kControlBytesMax = 32ull << 20;
// Requests of all connections that are not complete; each costs gRPC some 12 kB before we see it.
// At least this, and as many again as there may be streams.
constexpr uint64_t kUnfinishedRequestsMax = 20'000;
// Who speaks at all says so at once.
constexpr int kHandshakeTimeoutMs = 10'000;

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void SetChannelArguments(grpc::ServerBuilder& builder, const RpcServerOptions& options,
                         const RpcLimits& limits) {
  builder.SetMaxReceiveMessageSize(
      static_cast<int>(std::max(kTransportBytesMax, limits.request_bytes_max + kOversizeBytes)));
  builder.SetMaxSendMessageSize(-1);
  // A second server must not bind the same port.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Clients may ping every 10 s, even idle; we ping silent ones, to notice who is gone without a
  // word.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 9'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 5);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(options.keepalive_interval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(options.keepalive_timeout));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(options.connection_streams_max));
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMs);
  grpc::ResourceQuota quota("tidemark");
  quota.Resize(limits.queue_bytes_max + kTransportQuotaBytes);
  quota.SetMaxThreads(kSyncThreadsMax);
  builder.SetResourceQuota(quota);
  // Large frames cost less for large messages.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 4 << 20);
  // Never inflate what a client compressed: the size limit is checked only afterwards.
  builder.SetDefaultCompressionAlgorithm(GRPC_COMPRESS_NONE);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

}  // namespace

RpcServer::RpcServer(const RpcServerOptions& options, RpcContext context,
                     groups::GroupCoordinator& groups, const OperationsParts& operations)
    : context_(context),
      groups_(groups),
      event_store_(context_),
      groups_service_(context_, groups),
      topics_(context_),
      operations_(context_, operations, options.settings, options.start_time),
      control_methods_(event_store_, groups_service_, topics_, operations_),
      control_({&looks_, &changes_, &operates_}, kControlBytesMax),
      looks_("look", kLookThreads),
      changes_("change", kChangeThreads),
      operates_("operate", kOperateThreads),
      served_events_(control_methods_, v1::EventStore::service_full_name()),
      served_groups_(control_methods_, v1::ConsumerGroups::service_full_name()),
      served_topics_(control_methods_, v1::Topics::service_full_name()),
      served_operations_(control_methods_, v1::Operations::service_full_name()) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const RpcServerOptions& options,
                                                            RpcContext context,
                                                            groups::GroupCoordinator& groups,
                                                            const OperationsParts& operations) {
  // gRPC stays initialised to the process's end: its final shutdown may wait 10 s for a poller of
  // its own, after everything of ours is stopped and on disk.
  grpc_init();
  std::unique_ptr<RpcServer> rpc(new RpcServer(options, context, groups, operations));
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetChannelArguments(builder, options, context.limits);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  builder.SetSyncServerOption(grpc::ServerBuilder::CQ_TIMEOUT_MSEC, 1000);  // Bounds shutdown.
  builder.AddListeningPort(options.address, grpc::InsecureServerCredentials(), &rpc->port_);
  builder.RegisterService(&rpc->served_events_);
  builder.RegisterService(&rpc->served_groups_);
  builder.RegisterService(&rpc->served_topics_);
  builder.RegisterService(&rpc->served_operations_);
  builder.RegisterService(&rpc->health_);
  builder.RegisterAsyncGenericService(&rpc->control_calls_);
  for (int i = 0; i < options.queues; ++i) {
    rpc->queues_.push_back(std::make_unique<CallQueue>(builder.AddCompletionQueue(), context.pace));
  }
  const auto unfinished_max =
      static_cast<int64_t>(std::max(kUnfinishedRequestsMax, 2 * context.limits.streams_max));
  SocketGuard::Enable({.connections_max = options.connections_max,
                       .frames = {.streams_max = options.connection_streams_max,
                                  .unfinished_total_max = unfinished_max},
                       .warn = options.warn});
  rpc->server_ = builder.BuildAndStart();
  if (rpc->server_ == nullptr || rpc->port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", options.address,
        " (setting `listen`): is another server using it? Choose another with --listen"));
  }
  rpc->AcceptCalls();
  return rpc;
}

RpcServer::~RpcServer() { Shutdown(absl::ZeroDuration()); }

void RpcServer::AcceptCalls() {
  for (const auto& queue : queues_) {
    grpc::ServerCompletionQueue& calls = *queue->calls;
    for (int i = 0; i < kWaitingUnaryCalls; ++i) {
      AcceptAppend(context_, groups_, served_events_, *queue);
    }
    AcceptHealthCheck(context_, health_, calls);
    AcceptHealthWatch(context_, health_, calls);
    for (int i = 0; i < kWaitingControlCalls; ++i) {
      AcceptControlCall({context_, control_methods_, control_, control_calls_}, calls);
    }
    for (int i = 0; i < kWaitingStreams; ++i) {
      AcceptTransact(context_, groups_, served_events_, *queue);
      AcceptAppendStream(context_, groups_, served_events_, *queue);
      AcceptRead(context_, served_events_, *queue);
      AcceptSubscribe(context_, served_events_, *queue);
      AcceptConsume(context_, groups_, served_groups_, *queue);
    }
    threads_.emplace_back([&calls, i = threads_.size()] {
      base::NameThisThread(absl::StrCat("grpc/", i));
      RunQueue(calls);
    });
  }
}

void RpcServer::RunQueue(grpc::ServerCompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Tag*>(tag)->Complete(ok);
}

void RpcServer::Shutdown(absl::Duration timeout) {
  if (shut_down_) return;
  shut_down_ = true;
  if (server_ != nullptr) {
    context_.calls.Drain();
    // Not left to gRPC: it would wait for idle connections, too.
    context_.calls.WaitUntilAnswered(timeout);
    server_->Shutdown(base::DueAfter(absl::ZeroDuration()));
  }
  if (!threads_.empty()) context_.calls.WaitUntilNoCalls();
  for (const auto& queue : queues_) queue->calls->Shutdown();
  for (std::thread& thread : threads_) thread.join();
  if (threads_.empty()) {
    void* tag = nullptr;
    bool ok = false;
    for (const auto& queue : queues_) {
      while (queue->calls->Next(&tag, &ok)) static_cast<Tag*>(tag)->Complete(ok);
    }
  }
}

}  // namespace tidemark::rpc
