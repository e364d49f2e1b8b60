// ChildProcess: a program started by us, ended by its process id.
//
// Lifetime.  The child cannot outlive us: it is stopped by the destructor, and killed by the kernel
//            if we die. Start it on a thread that lives as long as the child is wanted (the
//            kernel's rule is about the starting thread).
// Threads.   One user at a time.
#ifndef TIDEMARK_BENCH_PROCESS_CHILD_PROCESS_H_
#define TIDEMARK_BENCH_PROCESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tidemark::bench {

class ChildProcess {
 public:
  // Runs argv[0] (a path) with its output appended to `log_path`.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& argv,
                                                             const std::string& log_path);
  // As Stop, with a patience of ten seconds.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // False once it has ended by itself.
  bool IsRunning();

  // SIGTERM, and SIGKILL after `patience`. OK if it ended by itself with exit code 0.
  absl::Status Stop(absl::Duration patience);

  // SIGKILL, as a crash of the process would be; returns when it is gone.
  void Kill();

  // The last lines of its output, for an error message.
  std::string LogTail() const;

 private:
  ChildProcess(pid_t pid, std::string log_path);

  bool ended_ = false;
  int wait_status_ = 0;
  const pid_t pid_;
  const std::string log_path_;
};

// SIGKILLs every living child; for a process that is about to _exit.
void KillLiveChildren();

// The directory of the running program, where its siblings are.
std::string ProgramDirectory();
// The path of the running program.
std::string ProgramPath();

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PROCESS_CHILD_PROCESS_H_
