// Child: a program started by us, ended by its process id.
//
// Lifetime. It cannot outlive us: the destructor kills it, and so does the kernel if we die. Start
//           it on a thread that lives as long as it is wanted (the kernel's rule is about that
//           thread).
// Signals.  It is in a process group of its own: a Ctrl-C of the terminal reaches only us.
// Threads.  One thread.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_CHILD_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_CHILD_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hr_example {

class Child {
 public:
  // Runs argv[0], a path, without our TIDEMARK_* variables. What it prints, on both its outputs,
  // goes to ReadOutput.
  static absl::StatusOr<std::unique_ptr<Child>> Start(const std::vector<std::string>& argv);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }

  // Readable when there is output, or when it has ended.
  int output_fd() const { return output_fd_; }
  // Gives out the finished lines of what it printed; does not wait.
  void ReadOutput(absl::FunctionRef<void(absl::string_view line)> print);

  // True once it has ended. Does not wait.
  bool HasEnded();
  // Only once it has ended: by itself, with exit code 0?
  bool HasSucceeded() const;
  // "exit code 1", "signal 9".
  std::string HowItEnded() const;

  // Asks it to end: SIGTERM.
  void Terminate();
  // Ends it, SIGKILL, and waits for that.
  void Kill();

 private:
  Child(pid_t pid, int output_fd) : pid_(pid), output_fd_(output_fd) {}

  const pid_t pid_;
  const int output_fd_;
  std::string unfinished_line_;
  bool ended_ = false;
  int wait_status_ = 0;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_CHILD_H_
