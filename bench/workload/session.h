// Session: the processes and directories of one run of tidemark-bench.
//
// Lifetime.  Servers are started at their first use and stopped, and directories removed, by the
//            destructor.
// Threads.   The main thread only (it starts child processes).
#ifndef TIDEMARK_BENCH_WORKLOAD_SESSION_H_
#define TIDEMARK_BENCH_WORKLOAD_SESSION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/process/server_process.h"
#include "bench/process/temp_dir.h"

namespace tidemark::bench {

struct SessionOptions {
  // A running server; empty: start one.
  std::string server;
  // Its process, to read its CPU and memory; 0: unknown.
  int32_t server_pid = 0;
  // The server to start; empty: tidemarkd beside this program.
  std::string tidemarkd;
  // Parent of the temporary directory; empty: $TMPDIR or /tmp.
  std::string directory;
  // Queues, and threads, of the no-op server.
  uint32_t noop_threads = 1;
};

class Session {
 public:
  static absl::StatusOr<std::unique_ptr<Session>> Open(const SessionOptions& options);

  // Whether Tidemark() has a chance; starts nothing.
  // NOT_FOUND    there is no program to start.
  // UNAVAILABLE  the server that was given does not answer.
  absl::Status CheckServer() const;

  // The server under test.
  absl::StatusOr<const ServerProcess*> Tidemark();
  // The no-op server, in a process of its own.
  absl::StatusOr<const ServerProcess*> Noop();
  void StopNoop() { noop_.reset(); }

  // Stops the server under test and starts it again on the same data, with none of that data's
  // files in the page cache: what is read next comes from the disk.
  // FAILED_PRECONDITION  the server is not ours.
  absl::Status RestartCold();
  // Kills the server under test and starts it again on the same data; `cold`: with none of the
  // data's files in the page cache, as after a crash of the machine. How long it took to be ready.
  // FAILED_PRECONDITION  the server is not ours.
  absl::StatusOr<absl::Duration> KillAndRestart(bool cold);
  // Takes the files of a server that we started out of the page cache, while it runs.
  absl::Status ForgetCachedPages() const;
  bool OwnsServer() const { return options_.server.empty(); }

  // Stops a started server; an error if it did not end as it should.
  absl::Status StopTidemark();

  // Bytes of the files of a server that we started, while it runs; nullopt: it is not ours.
  std::optional<uint64_t> DataBytes() const;

  // Flags for servers started from now on, beside those of where they listen and store.
  void SetServerFlags(std::vector<std::string> flags) { flags_ = std::move(flags); }

  // What an acknowledgement of the server under test means on this disk.
  std::string Durability() const;

  // A new directory on the disk that the server writes to.
  absl::StatusOr<TempDir> NewDirectory() const { return TempDir::Create(options_.directory); }

 private:
  Session(SessionOptions options, TempDir directory);
  absl::Status CheckOwnsServer() const;
  std::string DataDirectory() const { return directory_.Child("data"); }
  std::string ServerProgram() const;

  const SessionOptions options_;
  const TempDir directory_;
  std::vector<std::string> flags_;
  std::optional<ServerProcess> tidemark_;
  std::optional<ServerProcess> noop_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_SESSION_H_
