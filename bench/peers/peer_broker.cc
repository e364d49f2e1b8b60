#include "bench/peers/peer_broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kStartPatience = absl::Minutes(2);
constexpr absl::Duration kBrokerStopPatience = absl::Seconds(20);
constexpr absl::Duration kCheckPatience = absl::Seconds(5);
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

bool IsFree(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const bool is_free = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return is_free;
}

// A port such that it and the next three are free: some brokers have several.
absl::StatusOr<int> FreePort() {
  for (int port = 21'000 + getpid() % 5000; port < 32'000; port += 10) {
    if (IsFree(port) && IsFree(port + 1) && IsFree(port + 2) && IsFree(port + 3)) return port;
  }
  return absl::ResourceExhaustedError("no four free ports in a row between 21000 and 32000");
}

}  // namespace

absl::Status CheckInstalled(const PeerSpec& spec, const std::string& setup_directory,
                            const std::string& work_dir) {
  if (!spec.connect) {
    return absl::UnimplementedError(absl::StrCat("built without ", spec.library));
  }
  const std::string script = absl::StrCat(setup_directory, "/", spec.script);
  auto check =
      ChildProcess::Start({script, "check"}, absl::StrCat(work_dir, "/check-", spec.script));
  if (!check.ok()) return check.status();
  const absl::Time deadline = absl::Now() + kCheckPatience;
  while ((*check)->IsRunning() && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(5));
  if ((*check)->Stop(absl::ZeroDuration()).ok()) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("not installed; ", script, " install"));
}

PeerBroker::PeerBroker(TempDir directory, std::unique_ptr<ChildProcess> child, int port)
    : directory_(std::move(directory)),
      child_(std::move(child)),
      process_(ServerProcess::Running(absl::StrCat("127.0.0.1:", port), child_->pid())) {}

PeerBroker::~PeerBroker() {
  client_.reset();
  child_->Stop(kBrokerStopPatience).IgnoreError();
}

absl::StatusOr<std::unique_ptr<PeerBroker>> PeerBroker::Start(const PeerSpec& spec,
                                                              const PeerMode& mode,
                                                              const std::string& setup_directory,
                                                              TempDir directory) {
  const absl::StatusOr<int> port = FreePort();
  if (!port.ok()) return port.status();
  auto child = ChildProcess::Start({absl::StrCat(setup_directory, "/", spec.script), "serve",
                                    directory.Child("data"), absl::StrCat(*port), mode.name},
                                   directory.Child("broker.log"));
  if (!child.ok()) return child.status();
  std::unique_ptr<PeerBroker> broker(
      new PeerBroker(std::move(directory), *std::move(child), *port));
  if (absl::Status status = broker->WaitUntilReady(spec, *port); !status.ok()) return status;
  return broker;
}

absl::Status PeerBroker::WaitUntilReady(const PeerSpec& spec, int port) {
  const absl::Time deadline = absl::Now() + kStartPatience;
  while (true) {
    absl::Status status;
    if (auto client = spec.connect(port); client.ok()) {
      status = (*client)->CheckReady();
      if (status.ok()) {
        client_ = *std::move(client);
        return absl::OkStatus();
      }
    } else {
      status = client.status();
    }
    if (!child_->IsRunning()) {
      return absl::AbortedError(
          absl::StrCat(spec.name, " ended at its start:\n", child_->LogTail()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrCat(spec.name, " did not answer within two minutes: ", status.message(), "\n",
                       child_->LogTail()));
    }
    absl::SleepFor(kPollInterval);
  }
}

}  // namespace tidemark::bench
