#include "bench/process/server_process.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(30);
constexpr absl::Duration kServerStopPatience = absl::Seconds(10);
constexpr absl::Duration kReadyPollInterval = absl::Milliseconds(1);

// 0: the file is not there yet, or not whole.
int PortIn(const std::string& path) {
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("grpc") || !json["grpc"].is_number_integer()) return 0;
  return json["grpc"].get<int>();
}

}  // namespace

absl::StatusOr<ServerProcess> ServerProcess::Start(std::vector<std::string> argv,
                                                   const std::string& work_dir) {
  const std::string program = argv.front();
  const std::string ports_file =
      absl::StrCat(work_dir, "/ports-", absl::ToUnixNanos(absl::Now()), ".json");
  argv.insert(argv.end(), {"--ports-file", ports_file});
  const absl::Time begin = absl::Now();
  auto child = ChildProcess::Start(argv, absl::StrCat(work_dir, "/server.log"));
  if (!child.ok()) return child.status();
  const absl::Time deadline = begin + kStartPatience;
  int port = 0;
  while ((port = PortIn(ports_file)) == 0) {
    if (!(*child)->IsRunning()) {
      return absl::AbortedError(
          absl::StrCat(program, " ended at its start:\n", (*child)->LogTail()));
    }
    if (absl::Now() > deadline) {
      return absl::DeadlineExceededError(absl::StrCat(program, " was not ready within ",
                                                      absl::FormatDuration(kStartPatience), ":\n",
                                                      (*child)->LogTail()));
    }
    absl::SleepFor(kReadyPollInterval);
  }
  ServerProcess server;
  server.address_ = absl::StrCat("127.0.0.1:", port);
  server.start_time_ = absl::Now() - begin;
  server.pid_ = (*child)->pid();
  server.child_ = *std::move(child);
  return server;
}

ServerProcess ServerProcess::Running(std::string address, pid_t pid) {
  ServerProcess server;
  server.address_ = std::move(address);
  server.pid_ = pid;
  return server;
}

std::optional<ProcessUsage> ServerProcess::Usage() const {
  if (pid_ == 0) return std::nullopt;
  const absl::StatusOr<ProcessUsage> usage = ReadTreeUsage(pid_);
  if (!usage.ok()) return std::nullopt;
  return *usage;
}

void ServerProcess::Kill() {
  if (child_ != nullptr) child_->Kill();
}

absl::Status ServerProcess::Stop() {
  if (child_ == nullptr) return absl::OkStatus();
  const absl::Status status = child_->Stop(kServerStopPatience);
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat("the server did not stop as it should: ",
                                                  status.message(), "\n", child_->LogTail()));
}

}  // namespace tidemark::bench
