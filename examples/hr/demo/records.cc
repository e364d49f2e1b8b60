#include "examples/hr/demo/records.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "examples/hr/ledger.h"
#include "examples/hr/line_file.h"

namespace hr_example {
namespace {

using Fields = std::vector<absl::string_view>;

absl::Status WrongLine(const std::string& path, absl::string_view line) {
  return absl::InternalError(absl::StrCat(path, ": cannot read the line \"", line, "\""));
}

bool ParsePlace(absl::string_view partition, absl::string_view offset, PlacedEvent* event) {
  return absl::SimpleAtoi(partition, &event->partition) && absl::SimpleAtoi(offset, &event->offset);
}

bool ParseAcknowledged(const Fields& fields, Acknowledged* ack) {
  if (fields.size() != 7 || fields[0] != "acked") return false;
  ack->event.id = std::string(fields[6]);
  return absl::SimpleAtoi(fields[1], &ack->index) &&
         ParsePlace(fields[2], fields[3], &ack->event) &&
         absl::SimpleAtoi(fields[4], &ack->sent_us) &&
         absl::SimpleAtoi(fields[5], &ack->latency_us);
}

}  // namespace

absl::StatusOr<std::vector<Acknowledged>> ReadHrRecord(const std::string& path) {
  std::vector<Acknowledged> acks;
  for (const std::string& line : ReadLines(path)) {
    if (!ParseAcknowledged(absl::StrSplit(line, '\t'), &acks.emplace_back())) {
      return WrongLine(path, line);
    }
  }
  std::stable_sort(acks.begin(), acks.end(),
                   [](const auto& a, const auto& b) { return a.index < b.index; });
  return acks;
}

absl::StatusOr<ServiceRecord> ReadServiceRecord(const std::string& path, absl::string_view done) {
  ServiceRecord record;
  for (const std::string& line : ReadLines(path)) {
    const Fields fields = absl::StrSplit(line, '\t');
    if (fields.size() == 1) {
      if (fields[0] == kStarted) record.deliveries.emplace_back();
      continue;
    }
    PlacedEvent event;
    if (fields.size() != 4 || record.deliveries.empty() ||
        !ParsePlace(fields[1], fields[2], &event) || (fields[0] != done && fields[0] != kAgain)) {
      return WrongLine(path, line);
    }
    event.id = std::string(fields[3]);
    (fields[0] == done ? record.done : record.again).push_back(event);
    record.deliveries.back().push_back(event);
  }
  return record;
}

}  // namespace hr_example
