// Ledger: what a service has done, on disk, so that it does nothing twice.
//
// An event is delivered at least once: after a crash the newest ones come again. A service that
// asks its ledger first does the work once. A real one has a table with a unique event id instead,
// in the database and the transaction of the work itself.
//
// Format.   A line for each delivery: what became of it ("paid", "again"), partition, offset, id.
//           "started" begins each run of the service; other lines are notes.
// Threads.  One thread.
#ifndef TIDEMARK_EXAMPLES_HR_LEDGER_H_
#define TIDEMARK_EXAMPLES_HR_LEDGER_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "examples/hr/line_file.h"
#include "tidemark/stream.h"

namespace hr_example {

// Lines that every ledger may have.
inline constexpr absl::string_view kStarted = "started";
inline constexpr absl::string_view kAgain = "again";

class Ledger {
 public:
  // Reads what was done before. `done` is the word for what the service does, "paid".
  static absl::StatusOr<Ledger> Open(const std::string& path, absl::string_view done);

  // True if the event's work is done.
  bool Contains(const tidemark::ReceivedEvent& event) const;
  // The event's work is done.
  absl::Status Add(const tidemark::ReceivedEvent& event);
  // The event came again; nothing was done.
  absl::Status AddRedelivery(const tidemark::ReceivedEvent& event);
  // A remark, one word.
  absl::Status Note(absl::string_view word);

  // Events whose work is done.
  size_t size() const { return ids_.size(); }

 private:
  Ledger(LineFile file, absl::string_view done);

  LineFile file_;
  std::string done_;
  absl::flat_hash_set<std::string> ids_;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_LEDGER_H_
