// Ctrl-C (SIGINT) and SIGTERM as a request to finish what is in hand.
//
// The first signal is noted and wakes whoever waits on fd(); a second one ends the process at once,
// for when finishing hangs.
#ifndef TIDEMARK_CLIENT_CLI_INTERRUPT_H_
#define TIDEMARK_CLIENT_CLI_INTERRUPT_H_

#include <functional>
#include <thread>

namespace tidemark::cli {

// For commands that have something to finish; the others just end. Call once, before threads start.
void InstallInterruptHandler();

// True once a signal came.
bool Interrupted();

// Readable once a signal came; -1 before InstallInterruptHandler().
int InterruptFd();

// Calls `on_interrupt` once, on a thread of its own, when a signal comes during its life, or when
// nobody reads standard output any more: who waits for events would not notice by writing.
class InterruptWatcher {
 public:
  explicit InterruptWatcher(std::function<void()> on_interrupt);
  ~InterruptWatcher();
  InterruptWatcher(const InterruptWatcher&) = delete;
  InterruptWatcher& operator=(const InterruptWatcher&) = delete;

 private:
  int stop_fds_[2] = {-1, -1};
  std::thread thread_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_INTERRUPT_H_
