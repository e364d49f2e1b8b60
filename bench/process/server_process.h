// ServerProcess: a server under test, either started by us or already running.
//
// Terms.     A started server writes a JSON object with its port ("grpc") to the file that
//            --ports-file names, once it is ready.
// Lifetime.  A started server is stopped by the destructor; a given one is left alone.
#ifndef TIDEMARK_BENCH_PROCESS_SERVER_PROCESS_H_
#define TIDEMARK_BENCH_PROCESS_SERVER_PROCESS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/measure/process_usage.h"
#include "bench/process/child_process.h"

namespace tidemark::bench {

class ServerProcess {
 public:
  // Runs argv plus `--ports-file` in `work_dir`, and returns when the server is ready.
  // DEADLINE_EXCEEDED  it was not ready within 30 s; ABORTED: it ended instead. Both carry its log.
  static absl::StatusOr<ServerProcess> Start(std::vector<std::string> argv,
                                             const std::string& work_dir);

  // A server at `address`; its process is looked at if `pid` is given (0: unknown).
  static ServerProcess Running(std::string address, pid_t pid);

  const std::string& address() const { return address_; }
  // How long a started server took from its start to being ready, to the nearest poll (1 ms).
  absl::Duration start_time() const { return start_time_; }

  // What the server has used so far, with the processes that it started; nullopt if we do not know
  // its process.
  std::optional<ProcessUsage> Usage() const;

  // Ends a started server as a crash would.
  void Kill();

  // Ends a started server and tells how that went.
  absl::Status Stop();

 private:
  std::string address_;
  pid_t pid_ = 0;
  absl::Duration start_time_;
  std::unique_ptr<ChildProcess> child_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PROCESS_SERVER_PROCESS_H_
