#include "bench/process/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kStopPatience = absl::Seconds(10);
constexpr absl::Duration kPollInterval = absl::Milliseconds(2);
constexpr size_t kLogTailBytes = 2000;

struct LiveChildren {
  absl::Mutex mu;
  std::set<pid_t> pids ABSL_GUARDED_BY(mu);
};

LiveChildren& LiveProcesses() {
  static LiveChildren* const live = new LiveChildren;  // Never destroyed: used while exiting.
  return *live;
}

// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void ExecChild(char* const* argv, int log_fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // The parent died before prctl could notice.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none,
              nullptr);  // Ours blocks what main waits for; a mask survives exec.
  dup2(log_fd, STDOUT_FILENO);
  dup2(log_fd, STDERR_FILENO);
  execv(argv[0], argv);
  _exit(127);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& argv, const std::string& log_path) {
  if (access(argv.front().c_str(), X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot run ", argv.front()));
  }
  const int log_fd = open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", log_path));
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) ExecChild(arguments.data(), log_fd, parent);
  const int fork_errno = errno;
  close(log_fd);
  if (pid < 0) return absl::ErrnoToStatus(fork_errno, "cannot fork");
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, log_path));
}

ChildProcess::ChildProcess(pid_t pid, std::string log_path)
    : pid_(pid), log_path_(std::move(log_path)) {
  absl::MutexLock lock(&LiveProcesses().mu);
  LiveProcesses().pids.insert(pid_);
}

ChildProcess::~ChildProcess() { Stop(kStopPatience).IgnoreError(); }

bool ChildProcess::IsRunning() {
  // Under the lock: a pid that was waited for may be somebody else's, and must not be killed.
  absl::MutexLock lock(&LiveProcesses().mu);
  if (!ended_ && waitpid(pid_, &wait_status_, WNOHANG) == pid_) {
    ended_ = true;
    LiveProcesses().pids.erase(pid_);
  }
  return !ended_;
}

void KillLiveChildren() {
  absl::MutexLock lock(&LiveProcesses().mu);
  for (pid_t pid : LiveProcesses().pids) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);  // What it writes must be over before its files are removed.
  }
  LiveProcesses().pids.clear();
}

absl::Status ChildProcess::Stop(absl::Duration patience) {
  bool killed = false;
  if (IsRunning()) {
    kill(pid_, SIGTERM);
    const absl::Time deadline = absl::Now() + patience;
    while (IsRunning() && absl::Now() < deadline) absl::SleepFor(kPollInterval);
    if (IsRunning()) {
      killed = true;
      kill(pid_, SIGKILL);
      while (IsRunning()) absl::SleepFor(kPollInterval);
    }
  }
  if (killed)
    return absl::DeadlineExceededError(
        absl::StrCat("killed after ", absl::FormatDuration(patience)));
  if (WIFEXITED(wait_status_) && WEXITSTATUS(wait_status_) == 0) return absl::OkStatus();
  return absl::UnknownError(WIFEXITED(wait_status_)
                                ? absl::StrCat("exit code ", WEXITSTATUS(wait_status_))
                                : absl::StrCat("ended by signal ", WTERMSIG(wait_status_)));
}

void ChildProcess::Kill() {
  if (IsRunning()) kill(pid_, SIGKILL);
  while (IsRunning()) absl::SleepFor(absl::Milliseconds(1));
}

std::string ChildProcess::LogTail() const {
  std::ifstream file(log_path_);
  const std::string log((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return log.substr(log.size() - std::min(log.size(), kLogTailBytes));
}

std::string ProgramPath() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::string ProgramDirectory() {
  return std::filesystem::path(ProgramPath()).parent_path().string();
}

}  // namespace tidemark::bench
