#include "examples/hr/demo/stage.h"

#include <poll.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/interrupt.h"

namespace hr_example {
namespace {

// How often files that cannot wake us are looked at.
constexpr int kLookMs = 10;

}  // namespace

Stage::Stage(std::unique_ptr<Workspace> workspace, Narrator* narrator)
    : workspace_(std::move(workspace)),
      narrator_(*narrator),
      program_(std::filesystem::read_symlink("/proc/self/exe").string()) {}

absl::Status Stage::StartServer() {
  const std::string ports_file = workspace_->Child("ports.json");
  const std::string program = std::filesystem::path(program_).replace_filename("tidemarkd");
  auto server =
      Child::Start({program, "--data", workspace_->Child("data"), "--listen", "127.0.0.1:0",
                    "--http", "off", "--log-level", "warning", "--ports-file", ports_file});
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  const auto is_ready = [&] { return std::filesystem::exists(ports_file); };
  if (absl::Status status = WaitUntil(is_ready, "the server is ready"); !status.ok()) return status;
  std::ifstream file(ports_file);
  const auto ports = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  address_ = absl::StrCat("127.0.0.1:", ports.value("grpc", 0));
  return absl::OkStatus();
}

absl::Status Stage::StopServer() {
  server_->Terminate();
  const absl::Time deadline = absl::Now() + kStopMax;
  while (!server_->HasEnded()) {
    if (absl::Now() > deadline) return absl::DeadlineExceededError("the server does not stop");
    poll(nullptr, 0, kLookMs);
  }
  Relay("server", server_.get());
  const std::unique_ptr<Child> server = std::move(server_);
  if (server->HasSucceeded()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the server ended with ", server->HowItEnded()));
}

absl::Status Stage::StartService(const std::string& name, absl::string_view role,
                                 const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {program_, std::string(role), "--server",
                                   address_, "--ledger",        LedgerOf(role)};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto child = Child::Start(argv);
  if (!child.ok()) return child.status();
  services_[name] = *std::move(child);
  auto& tally = tallies_[name];
  if (tally == nullptr) tally = std::make_unique<Tally>(LedgerOf(role));
  return absl::OkStatus();
}

void Stage::KillService(const std::string& name) {
  Child& child = *services_.at(name);
  child.Kill();
  Relay(name, &child);
  services_.erase(name);
  tallies_.at(name)->Update();
}

absl::Status Stage::StopService(const std::string& name) {
  services_.at(name)->Terminate();
  return WaitUntil([&] { return !IsRunning(name); }, absl::StrCat(name, " stops"));
}

pid_t Stage::PidOf(const std::string& name) const { return services_.at(name)->pid(); }

const Tally* Stage::TallyOf(const std::string& name) const {
  const auto found = tallies_.find(name);
  return found == tallies_.end() ? nullptr : found->second.get();
}

absl::Status Stage::WaitUntil(absl::FunctionRef<bool()> done, absl::string_view what) {
  size_t progress = Progress();
  absl::Time progressed = absl::Now();
  while (!done()) {
    if (absl::Status status = Look(); !status.ok()) return status;
    if (Progress() != progress) {
      progress = Progress();
      progressed = absl::Now();
    }
    if (absl::Now() - progressed > kStallMax) {
      return absl::DeadlineExceededError(absl::StrCat("nothing has happened for ",
                                                      absl::FormatDuration(kStallMax),
                                                      " while waiting until ", what));
    }
  }
  return absl::OkStatus();
}

absl::Status Stage::WaitForInterrupt() {
  absl::Status status;
  while (status.ok()) status = Look();
  return absl::IsCancelled(status) ? absl::OkStatus() : status;
}

absl::Status Stage::Look() {
  std::vector<pollfd> waits = {{.fd = tidemark::cli::InterruptFd(), .events = POLLIN}};
  if (server_ != nullptr) waits.push_back({.fd = server_->output_fd(), .events = POLLIN});
  for (const auto& [name, child] : services_) {
    waits.push_back({.fd = child->output_fd(), .events = POLLIN});
  }
  poll(waits.data(), waits.size(), kLookMs);
  if (tidemark::cli::Interrupted()) return absl::CancelledError("interrupted");
  if (narrator_.IsUnheard()) return absl::CancelledError("nobody reads standard output");
  for (const auto& [name, child] : services_) Relay(name, child.get());
  for (const auto& [name, tally] : tallies_) tally->Update();
  on_look_();
  if (server_ != nullptr) {
    Relay("server", server_.get());
    if (server_->HasEnded()) {
      return absl::AbortedError(absl::StrCat("the server ended: ", server_->HowItEnded()));
    }
  }
  return ReapServices();
}

absl::Status Stage::ReapServices() {
  for (auto it = services_.begin(); it != services_.end();) {
    const auto& [name, child] = *it;
    if (!child->HasEnded()) {
      ++it;
      continue;
    }
    Relay(name, child.get());  // Its last words.
    tallies_.at(name)->Update();
    if (!child->HasSucceeded()) {
      return absl::AbortedError(absl::StrCat(name, " ended: ", child->HowItEnded()));
    }
    it = services_.erase(it);
  }
  return absl::OkStatus();
}

void Stage::Relay(const std::string& name, Child* child) {
  child->ReadOutput([&](absl::string_view line) {
    ++lines_relayed_;
    narrator_.Say(name, line);
  });
}

std::string Stage::LedgerOf(absl::string_view role) const {
  return workspace_->Child(absl::StrCat(role, ".ledger"));
}

size_t Stage::Progress() const {
  size_t progress = lines_relayed_;
  for (const auto& [name, tally] : tallies_) progress += tally->lines();
  return progress;
}

}  // namespace hr_example
