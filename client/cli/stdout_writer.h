// Buffered standard output that notices when nobody reads any more.
//
// Failure. After the first failed write nothing is written; ok() stays false. A reader that went
//          away (`| head`) is no error for the user, a full disk is: see Status().
// Threads. One thread at a time.
#ifndef TIDEMARK_CLIENT_CLI_STDOUT_WRITER_H_
#define TIDEMARK_CLIENT_CLI_STDOUT_WRITER_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tidemark::cli {

class StdoutWriter {
 public:
  explicit StdoutWriter(int fd) : fd_(fd) {}
  StdoutWriter(const StdoutWriter&) = delete;
  StdoutWriter& operator=(const StdoutWriter&) = delete;

  // Appends to the buffer, and writes it out once it is large.
  void Write(absl::string_view text);

  // The buffer itself, to be appended to; call MaybeFlush() after each piece.
  std::string& buffer() { return buffer_; }
  bool MaybeFlush();

  // Writes everything out. False: what was written since the last successful Flush may be lost.
  bool Flush();

  bool ok() const { return error_ == 0; }
  // True: the reader closed its end.
  bool reader_is_gone() const;
  // OK also when the reader is gone.
  absl::Status Status() const;

 private:
  int fd_;
  int error_ = 0;  // errno of the write that failed.
  std::string buffer_;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_STDOUT_WRITER_H_
