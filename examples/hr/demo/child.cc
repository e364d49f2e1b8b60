#include "examples/hr/demo/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace hr_example {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentWithoutOurs() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "TIDEMARK_")) kept.emplace_back(*entry);
  }
  return kept;
}

// In the child, between fork and exec: only what is safe there although we have threads.
[[noreturn]] void Become(char* const* argv, char* const* environment, int output_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // It died before it could take us along.
  setpgid(0, 0);
  dup2(output_fd, STDOUT_FILENO);
  dup2(output_fd, STDERR_FILENO);
  signal(SIGPIPE, SIG_DFL);
  execve(argv[0], argv, environment);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(const std::vector<std::string>& argv) {
  if (access(argv[0].c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot run ", argv[0]));
  }
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "cannot make a pipe");
  fcntl(fds[0], F_SETFL, O_NONBLOCK);
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = EnvironmentWithoutOurs();
  const std::vector<char*> argument_pointers = Pointers(arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Become(argument_pointers.data(), environment_pointers.data(), fds[1], parent);
  const int fork_errno = errno;
  close(fds[1]);
  if (pid < 0) {
    close(fds[0]);
    return absl::ErrnoToStatus(fork_errno, "cannot start a process");
  }
  return std::unique_ptr<Child>(new Child(pid, fds[0]));
}

Child::~Child() {
  Kill();
  close(output_fd_);
}

void Child::ReadOutput(absl::FunctionRef<void(absl::string_view line)> print) {
  char buffer[4096];
  for (ssize_t bytes; (bytes = read(output_fd_, buffer, sizeof(buffer))) > 0;) {
    unfinished_line_.append(buffer, static_cast<size_t>(bytes));
  }
  size_t begin = 0;
  for (size_t end; (end = unfinished_line_.find('\n', begin)) != std::string::npos;) {
    print(absl::string_view(unfinished_line_).substr(begin, end - begin));
    begin = end + 1;
  }
  unfinished_line_.erase(0, begin);
}

bool Child::HasEnded() {
  if (!ended_) ended_ = waitpid(pid_, &wait_status_, WNOHANG) == pid_;
  return ended_;
}

bool Child::HasSucceeded() const {
  return WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0;
}

std::string Child::HowItEnded() const {
  if (WIFSIGNALED(wait_status_)) return absl::StrCat("signal ", WTERMSIG(wait_status_));
  return absl::StrCat("exit code ", WEXITSTATUS(wait_status_));
}

void Child::Terminate() {
  if (!HasEnded()) kill(pid_, SIGTERM);
}

void Child::Kill() {
  if (HasEnded()) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, &wait_status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
}

}  // namespace hr_example
