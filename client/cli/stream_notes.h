// What `read`, `tail` and `consume` tell on standard error about the stream itself.
#ifndef TIDEMARK_CLIENT_CLI_STREAM_NOTES_H_
#define TIDEMARK_CLIENT_CLI_STREAM_NOTES_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tidemark/stream.h"

namespace tidemark::cli {

// "gap: hr, partition 3, offsets 10 to 19 can no longer be read (RETENTION)".
std::string DescribeGap(const Gap& gap);

// Tells once that the connection is lost, and once that it is back, however many tries lie between.
// Threads. Used by the reading thread alone.
class ConnectionNotes {
 public:
  // `tell` prints a line.
  explicit ConnectionNotes(std::function<void(absl::string_view text)> tell)
      : tell_(std::move(tell)) {}

  void Lost(const absl::Status& cause);
  // Something came from the server.
  void Alive();

 private:
  std::function<void(absl::string_view text)> tell_;
  bool lost_ = false;
};

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_STREAM_NOTES_H_
