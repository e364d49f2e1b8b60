// Stage: the processes of the demo, and what they show of themselves.
//
// Terms.    service: a process with a ledger, a file of what it did, which we follow as it grows.
// Lifetime. Every process ends with the stage; the workspace goes after them.
// Threads.  One thread, the one that made it.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_STAGE_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_STAGE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "examples/hr/demo/child.h"
#include "examples/hr/demo/narrator.h"
#include "examples/hr/demo/tally.h"
#include "examples/hr/demo/workspace.h"

namespace hr_example {

class Stage {
 public:
  // `narrator` outlives the stage. Call InstallInterruptHandler() of the command line before.
  Stage(std::unique_ptr<Workspace> workspace, Narrator* narrator);

  // Starts tidemarkd, which is beside us, on a free port; returns when it is ready.
  absl::Status StartServer();
  // Asks it to end, and waits, also after Ctrl-C.
  // FAILED_PRECONDITION  it ended otherwise than with exit code 0.
  // DEADLINE_EXCEEDED    it did not end within kStopMax; it ends with the stage.
  absl::Status StopServer();
  // "127.0.0.1:41234".
  const std::string& address() const { return address_; }

  // Starts this program in the role of a service: `role` --server ... --ledger ..., then
  // `arguments`. `name` is for people, and tells services apart.
  absl::Status StartService(const std::string& name, absl::string_view role,
                            const std::vector<std::string>& arguments = {});
  // kill -9.
  void KillService(const std::string& name);
  // Asks it to end, and waits.
  absl::Status StopService(const std::string& name);
  bool IsRunning(const std::string& name) const { return services_.count(name) != 0; }
  pid_t PidOf(const std::string& name) const;

  // What a service did, also after it ended. Null: it was never started.
  const Tally* TallyOf(const std::string& name) const;

  // Relays what services print, and follows them, until `done` or:
  // CANCELLED          Ctrl-C, or nobody reads what we print.
  // ABORTED            a process failed.
  // DEADLINE_EXCEEDED  nothing has happened for kStallMax.
  // A service that ends with success is no failure: it has finished.
  absl::Status WaitUntil(absl::FunctionRef<bool()> done, absl::string_view what);

  // Relays until Ctrl-C (OK), or until the server fails.
  absl::Status WaitForInterrupt();

  // Called each time WaitUntil has looked around.
  void OnLook(std::function<void()> callback) { on_look_ = std::move(callback); }

  // The path of this program.
  const std::string& program() const { return program_; }
  Workspace& workspace() { return *workspace_; }

 private:
  static constexpr absl::Duration kStallMax = absl::Seconds(30);
  static constexpr absl::Duration kStopMax = absl::Seconds(10);

  // Waits a moment for something to happen, and takes note of it.
  absl::Status Look();
  absl::Status ReapServices();
  void Relay(const std::string& name, Child* child);
  std::string LedgerOf(absl::string_view role) const;
  size_t Progress() const;

  const std::unique_ptr<Workspace> workspace_;
  Narrator& narrator_;
  const std::string program_;
  std::string address_;
  std::unique_ptr<Child> server_;
  std::map<std::string, std::unique_ptr<Child>> services_;
  std::map<std::string, std::unique_ptr<Tally>> tallies_;
  std::function<void()> on_look_ = [] {};
  size_t lines_relayed_ = 0;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_STAGE_H_
