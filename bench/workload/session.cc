#include "bench/workload/session.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/baseline/disk.h"
#include "bench/load/connection.h"
#include "bench/measure/result.h"

namespace tidemark::bench {

absl::StatusOr<std::unique_ptr<Session>> Session::Open(const SessionOptions& options) {
  absl::StatusOr<TempDir> directory = TempDir::Create(options.directory);
  if (!directory.ok()) return directory.status();
  return std::unique_ptr<Session>(new Session(options, *std::move(directory)));
}

Session::Session(SessionOptions options, TempDir directory)
    : options_(std::move(options)), directory_(std::move(directory)) {}

std::string Session::ServerProgram() const {
  return options_.tidemarkd.empty() ? absl::StrCat(ProgramDirectory(), "/tidemarkd")
                                    : options_.tidemarkd;
}

absl::Status Session::CheckServer() const {
  if (!OwnsServer()) return CheckReachable(options_.server);
  const std::string program = ServerProgram();
  if (access(program.c_str(), X_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("cannot run ", program, " (", std::strerror(errno),
                                          "): build it, or name one with --tidemarkd, or a running "
                                          "server with --server"));
}

absl::StatusOr<const ServerProcess*> Session::Tidemark() {
  if (tidemark_) return &*tidemark_;
  if (absl::Status status = CheckServer(); !status.ok()) return status;
  if (!OwnsServer()) {
    tidemark_ = ServerProcess::Running(options_.server, options_.server_pid);
    return &*tidemark_;
  }
  std::vector<std::string> command = {
      ServerProgram(), "--data", DataDirectory(), "--listen", "127.0.0.1:0", "--http", "off"};
  command.insert(command.end(), flags_.begin(), flags_.end());
  auto server = ServerProcess::Start(std::move(command), directory_.path());
  if (!server.ok()) return server.status();
  tidemark_ = *std::move(server);
  return &*tidemark_;
}

absl::StatusOr<const ServerProcess*> Session::Noop() {
  if (noop_) return &*noop_;
  auto server = ServerProcess::Start(
      {ProgramPath(), "noop-server", "--threads", absl::StrCat(options_.noop_threads)},
      directory_.path());
  if (!server.ok()) return server.status();
  noop_ = *std::move(server);
  return &*noop_;
}

absl::Status Session::StopTidemark() {
  if (!tidemark_) return absl::OkStatus();
  absl::Status status = tidemark_->Stop();
  tidemark_.reset();
  return status;
}

absl::Status Session::CheckOwnsServer() const {
  if (OwnsServer()) return absl::OkStatus();
  return absl::FailedPreconditionError("a restart needs a server that tidemark-bench started");
}

absl::StatusOr<absl::Duration> Session::KillAndRestart(bool cold) {
  if (absl::Status status = CheckOwnsServer(); !status.ok()) return status;
  if (tidemark_) tidemark_->Kill();
  tidemark_.reset();
  if (cold) {
    if (absl::Status status = DropCachedPages(DataDirectory()); !status.ok()) return status;
  }
  const absl::StatusOr<const ServerProcess*> server = Tidemark();
  if (!server.ok()) return server.status();
  return (*server)->start_time();
}

absl::Status Session::ForgetCachedPages() const {
  if (absl::Status status = CheckOwnsServer(); !status.ok()) return status;
  return DropCachedPages(DataDirectory());
}

absl::Status Session::RestartCold() {
  if (absl::Status status = CheckOwnsServer(); !status.ok()) return status;
  if (absl::Status status = StopTidemark(); !status.ok()) return status;
  if (absl::Status status = DropCachedPages(DataDirectory()); !status.ok()) return status;
  return Tidemark().status();
}

std::optional<uint64_t> Session::DataBytes() const {
  if (!OwnsServer()) return std::nullopt;
  uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(DataDirectory(), error)) {
    std::error_code gone;  // The server deletes files meanwhile.
    const uint64_t size = entry.file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

std::string Session::Durability() const {
  if (OwnsServer() && directory_.IsMemory()) {
    return absl::StrCat(kFsyncBeforeAck, ", but the files are in memory (tmpfs): it means nothing");
  }
  return kFsyncBeforeAck;
}

}  // namespace tidemark::bench
