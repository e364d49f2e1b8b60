// LineFile: a text file that only grows, a line at a time.
//
// Failure.  A line is handed to the kernel in one write, so it survives the end of the process, but
//           not a power cut. A line that an earlier process left unfinished is cut off by Open.
// Threads.  Safe from any thread.
#ifndef TIDEMARK_EXAMPLES_HR_LINE_FILE_H_
#define TIDEMARK_EXAMPLES_HR_LINE_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hr_example {

class LineFile {
 public:
  // Creates the file if there is none.
  static absl::StatusOr<LineFile> Open(const std::string& path);
  LineFile(LineFile&& other) noexcept;
  LineFile& operator=(LineFile&&) = delete;
  ~LineFile();

  // `line` has no line end.
  absl::Status Append(absl::string_view line);

 private:
  LineFile(std::string path, int fd);

  std::string path_;
  int fd_;
};

// The finished lines of a file; none if there is no file.
std::vector<std::string> ReadLines(const std::string& path);

// A clock that never goes back, the same for all processes of a machine; microseconds.
int64_t MonotonicUs();

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_LINE_FILE_H_
