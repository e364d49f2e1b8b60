// One run of `append`: lines in, events out, and an account of what became of them.
#ifndef TIDEMARK_CLIENT_CLI_APPEND_JOB_H_
#define TIDEMARK_CLIENT_CLI_APPEND_JOB_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/append_input.h"
#include "client/cli/append_sink.h"
#include "client/cli/context.h"
#include "client/cli/line_reader.h"
#include "client/cli/progress.h"

namespace tidemark::cli {

struct AppendArguments {
  std::string input = "-";
  RawFormat raw;
  AppendSettings settings;
  bool print_acks = false;
};

class AppendJob {
 public:
  // Both outlive it.
  AppendJob(Context* context, const AppendArguments& arguments);

  ExitCode Run();

 private:
  // Sends every line. OK at the end of the input; otherwise why it stopped before.
  absl::Status SendAll(LineReader* lines, AppendSink* sink, Progress* progress);
  // Takes one line. OK also when it is invalid and skipped.
  absl::Status SendLine(const LineReader& lines, absl::string_view line, AppendSink* sink);

  // "FILE:LINE: reason" on standard error.
  void ReportLine(uint64_t line_number, absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);
  bool HasReportedLine() ABSL_LOCKS_EXCLUDED(mu_);
  void PrintAck(const AppendResult& result) ABSL_LOCKS_EXCLUDED(mu_);
  AppendCallbacks Callbacks();

  ExitCode Conclude(const absl::Status& sent, const absl::Status& finished,
                    const AppendCounts& counts, absl::Duration elapsed);
  void PrintSummary(const AppendCounts& counts, absl::Duration elapsed, bool complete);

  Context* context_;
  const AppendArguments& arguments_;
  std::string input_name_;
  Event event_;
  uint64_t skipped_lines_ = 0;
  // The line that stopped the sending; 0: none.
  uint64_t stopped_at_line_ = 0;
  // Also keeps the lines of the sending thread and of the callbacks' thread apart.
  absl::Mutex mu_;
  uint64_t reported_lines_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_APPEND_JOB_H_
