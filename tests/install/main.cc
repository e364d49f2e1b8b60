// Uses each part of the installed library once. With a server's address as argument it writes,
// reads and consumes; without, it only shows that everything links and that a missing server is an
// error.
#include <cstdio>
#include <string>

#include "tidemark/stubs.h"
#include "tidemark/tidemark.h"

namespace {

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", tidemark::Explain(status).c_str());
  return 1;
}

int WithoutServer() {
  tidemark::ClientOptions options;
  options.server = "127.0.0.1:1";  // tcpmux: nobody listens.
  options.connect_timeout = absl::Milliseconds(200);
  const absl::Status status = tidemark::Client::Connect(options).status();
  std::printf("without a server: %s\n", status.ToString().c_str());
  const bool murmur_is_right = tidemark::Murmur2("foobar") == static_cast<uint32_t>(-790332482);
  return status.code() == absl::StatusCode::kUnavailable && murmur_is_right ? 0 : 1;
}

int WithServer(const char* address) {
  absl::StatusOr<tidemark::Client> client = tidemark::Client::Connect(address);
  if (!client.ok()) return Fail(client.status());
  if (auto topic = client->CreateTopic("hr", {.partitions = 4}); !topic.ok()) {
    return Fail(topic.status());
  }
  auto producer = tidemark::Producer::Open(*client, "hr");
  if (!producer.ok()) return Fail(producer.status());
  for (int i = 0; i < 1000; ++i) {
    tidemark::Event event{.type = "employee.created", .key = std::to_string(i % 100)};
    if (absl::Status status = (*producer)->Send(event); !status.ok()) return Fail(status);
  }
  if (absl::Status status = (*producer)->Close(); !status.ok()) return Fail(status);

  int read = 0;
  tidemark::Reader reader(*client, "hr");
  for (const tidemark::ReceivedEvent& event : reader) read += event.event.type.size() > 0;
  if (!reader.status().ok()) return Fail(reader.status());

  int handled = 0;
  tidemark::Consumer consumer(*client, {.group = "payroll", .topics = {"hr"}},
                              [&](const tidemark::ReceivedEvent&) {
                                ++handled;
                                return absl::OkStatus();
                              });
  if (absl::Status status = consumer.RunUntilCaughtUp(); !status.ok()) return Fail(status);

  grpc::ClientContext context;
  tidemark::v1::GetServerInfoResponse info;
  const absl::Status status =
      tidemark::ToStatus(tidemark::OperationsStub(*client)->GetServerInfo(&context, {}, &info));
  if (!status.ok()) return Fail(status);
  std::printf("server %s: sent 1000, read %d, handled %d\n", info.version().c_str(), read, handled);
  return read == 1000 && handled == 1000 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? WithServer(argv[1]) : WithoutServer(); }
