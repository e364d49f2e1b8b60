// VerifyProgress: what a walk over the store has looked at and found, on its way to who asked.
//
// Pace.     Checked waits so that no more than bytes_per_second are read, and reports some times a
//           second. Who reports may end the walk by an error.
// Threads.  One at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "server/base/ids.h"

namespace tidemark::log {

struct Finding {
  enum class Kind { kEvents, kOrder, kIndex, kGroup, kProducer };
  Kind kind = Kind::kEvents;
  std::string topic;  // Empty: of none, or of one that is deleted.
  PartitionIndex partition;
  // [from, until); both 0: about no offsets.
  Offset from;
  Offset until;
  std::string name;         // Of the group or producer.
  std::string description;  // For people.
};

// "hr/3 [100, 200): ...", "group payroll: ...".
std::string TextOf(const Finding& finding);

struct VerifyCounts {
  uint64_t events = 0;
  uint64_t events_total = 0;
  uint64_t bytes = 0;
  uint64_t partitions = 0;
  uint64_t groups = 0;
  uint64_t producer_records = 0;
};

class VerifyProgress {
 public:
  // Gets the counts, and the findings since it was called before. Not OK: the walk is to end so.
  using Report = absl::AnyInvocable<absl::Status(const VerifyCounts&, std::vector<Finding>)>;

  VerifyProgress(std::optional<uint64_t> bytes_per_second, Report report);

  VerifyCounts& counts() { return counts_; }
  void Found(Finding finding) { findings_.push_back(std::move(finding)); }
  // Some events, rows or partitions were looked at; `bytes` of events were read for it. Not OK: end
  // the walk and return it.
  absl::Status Checked(uint64_t bytes);
  // Reports what was not reported yet.
  absl::Status Flush();

 private:
  const std::optional<uint64_t> bytes_per_second_;
  Report report_;
  VerifyCounts counts_;
  std::vector<Finding> findings_;
  const int64_t begin_ns_;
  int64_t reported_ns_;
  uint64_t read_bytes_ = 0;
};

}  // namespace tidemark::log
