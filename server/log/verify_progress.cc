#include "server/log/verify_progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/system_clock.h"

namespace tidemark::log {
namespace {

constexpr int64_t kReportNanos = 250'000'000;
constexpr size_t kFindingsMax = 100;  // Kept before they are reported.

}  // namespace

std::string TextOf(const Finding& finding) {
  std::string text;
  if (finding.kind == Finding::Kind::kGroup) absl::StrAppend(&text, "group ", finding.name, ": ");
  if (finding.kind == Finding::Kind::kProducer) {
    absl::StrAppend(&text, "producer ", finding.name, ": ");
  }
  if (!finding.topic.empty()) {
    absl::StrAppend(&text, "topic ", finding.topic, " partition ", finding.partition.value());
    if (finding.from != finding.until) {
      absl::StrAppend(&text, " offsets ", finding.from.value(), " to ", finding.until.value() - 1);
    }
    absl::StrAppend(&text, ": ");
  }
  return absl::StrCat(text, finding.description);
}

VerifyProgress::VerifyProgress(std::optional<uint64_t> bytes_per_second, Report report)
    : bytes_per_second_(bytes_per_second),
      report_(std::move(report)),
      begin_ns_(base::MonotonicNanos()),
      reported_ns_(begin_ns_) {}

absl::Status VerifyProgress::Checked(uint64_t bytes) {
  read_bytes_ += bytes;
  while (true) {
    const int64_t now = base::MonotonicNanos();
    if (now - reported_ns_ >= kReportNanos || findings_.size() >= kFindingsMax) {
      if (absl::Status status = Flush(); !status.ok()) return status;
    }
    if (!bytes_per_second_.has_value()) return absl::OkStatus();
    const int64_t due =
        begin_ns_ + static_cast<int64_t>(static_cast<double>(read_bytes_) /
                                         static_cast<double>(*bytes_per_second_) * 1e9);
    if (due <= now) return absl::OkStatus();
    absl::SleepFor(absl::Nanoseconds(std::min(due - now, kReportNanos)));
  }
}

absl::Status VerifyProgress::Flush() {
  reported_ns_ = base::MonotonicNanos();
  return report_(counts_, std::exchange(findings_, {}));
}

}  // namespace tidemark::log
