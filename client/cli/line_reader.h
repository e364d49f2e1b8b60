// Lines of a file or a pipe, without copying them.
//
// Reads what is there: from a pipe, a line is given out as soon as it is complete, not when a
// buffer is full. Not safe to use from several threads.
#ifndef TIDEMARK_CLIENT_CLI_LINE_READER_H_
#define TIDEMARK_CLIENT_CLI_LINE_READER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::cli {

class LineReader {
 public:
  // Longer lines are an error: it bounds memory, far above what a server takes as one event.
  static constexpr size_t kLineBytesMax = size_t{64} << 20;

  // `path` "-" reads standard input. When `wake_fd` (-1: none) becomes readable, waiting for input
  // ends and the input is as if at its end.
  // INVALID_ARGUMENT  the file cannot be opened; the message says why.
  static absl::StatusOr<LineReader> Open(const std::string& path, int wake_fd);

  LineReader(LineReader&& other) noexcept;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  // Sets `line` to the next line without its end ("\n" or "\r\n"), valid until the next call. False
  // at the end of the input or once woken; a line that the wake cut off is not given.
  // INVALID_ARGUMENT  the input cannot be read, or a line is too long.
  absl::StatusOr<bool> Next(absl::string_view* line);

  // True if Next can give a line without waiting for input.
  bool HasBufferedLine() const;

  const std::string& name() const { return name_; }
  // 1-based number of the line that Next gave last.
  uint64_t line_number() const { return line_number_; }
  // Bytes of the lines given so far.
  uint64_t bytes_done() const { return bytes_done_; }
  // The size of a regular file, else 0.
  uint64_t bytes_total() const { return bytes_total_; }

 private:
  LineReader(std::string name, int fd, int wake_fd, bool owned, uint64_t bytes_total);

  // Reads once into the buffer, or notes that the input is at its end or woken.
  absl::Status Fill();
  void MakeRoom();
  absl::string_view Take(size_t bytes, size_t end_bytes);

  std::string name_;
  int fd_;
  int wake_fd_;
  bool owned_;
  bool at_end_ = false;
  bool woken_ = false;
  uint64_t bytes_total_;
  uint64_t bytes_done_ = 0;
  uint64_t line_number_ = 0;
  // Invariant: the unread bytes are buffer_[begin_, end_), and [begin_, scanned_) has no '\n'.
  std::string buffer_;
  size_t begin_ = 0;
  size_t scanned_ = 0;
  size_t end_ = 0;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_LINE_READER_H_
