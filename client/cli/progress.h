// One line on standard error that tells how far a command is: count, rate, share and time left.
//
// Only for terminals: a disabled Progress prints nothing. Throttled, so Update is cheap.
// Threads. One thread at a time.
#ifndef TIDEMARK_CLIENT_CLI_PROGRESS_H_
#define TIDEMARK_CLIENT_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tidemark::cli {

struct ProgressState {
  uint64_t events = 0;
  // How much of the work is done, in any unit, and how much there is. Total 0: not known.
  uint64_t done = 0;
  uint64_t total = 0;
  bool are_bytes = false;  // What `events` counts.
};

// "[######..............] 34 %  appended 12,345 events  45,000/s  2s left"; without the bar, the
// share and the time left where the total is not known.
std::string FormatProgress(absl::string_view verb, const ProgressState& state,
                           absl::Duration elapsed);

class Progress {
 public:
  // `verb`: what is done to events or bytes, "appended".
  Progress(absl::string_view verb, bool enabled);
  // Removes the line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // True if it is time to show something, so that collecting the state can be saved.
  bool Due();
  void Show(const ProgressState& state);
  // Removes the line, so that something else can be printed; the next Show brings it back.
  void Clear();

  absl::Duration Elapsed() const;

 private:
  std::string verb_;
  bool enabled_;
  bool shown_ = false;
  uint32_t skipped_ = 0;
  absl::Time begin_;
  absl::Time next_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_PROGRESS_H_
