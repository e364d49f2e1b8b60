#include "bench/baseline/noop_server.h"

#include <grpc/grpc.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/baseline/noop_calls.h"

namespace tidemark::bench {
namespace {

constexpr int kMessageBytesMax = 64 << 20;
constexpr int kFrameBytesMax = 2 << 20;

void ServeQueue(grpc::ServerCompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Completion*>(tag)->Complete(ok);
}

// Whole or not at all: a reader that polls must not see half of it.
absl::Status WritePortsFile(const std::string& path, int port) {
  const std::string partial = absl::StrCat(path, ".partial");
  std::ofstream file(partial);
  file << "{\"grpc\":" << port << "}\n";
  file.close();
  if (!file || std::rename(partial.c_str(), path.c_str()) != 0) {
    return absl::UnknownError(absl::StrCat("cannot write ", path));
  }
  return absl::OkStatus();
}

void WaitForSignal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int number = 0;
  sigwait(&signals, &number);
}

void BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

absl::Status RunNoopServer(const std::string& ports_file, uint32_t threads) {
  BlockSignals();  // Before any thread starts, so that only WaitForSignal takes them.
  // Never undone: shutting gRPC down can wait ten seconds for a poller.
  grpc_init();
  NoopService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  builder.SetMaxSendMessageSize(kMessageBytesMax);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytesMax);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (uint32_t i = 0; i < threads; ++i) queues.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::UnavailableError("cannot listen on 127.0.0.1");

  std::vector<std::thread> workers;
  for (auto& queue : queues) {
    AcceptAppend(service, *queue);
    AcceptAppendStream(service, *queue);
    AcceptRead(service, *queue);
    workers.emplace_back([&queue] { ServeQueue(*queue); });
  }
  const absl::Status status = WritePortsFile(ports_file, port);
  if (status.ok()) WaitForSignal();
  server->Shutdown(std::chrono::system_clock::now());
  for (auto& queue : queues) queue->Shutdown();
  for (std::thread& worker : workers) worker.join();
  return status;
}

}  // namespace tidemark::bench
