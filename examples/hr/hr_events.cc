#include "examples/hr/hr_events.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/cloud_event_parse.h"
#include "client/cli/line_reader.h"
#include "examples/hr/employee_lives.h"

namespace hr_example {
namespace {

absl::StatusOr<std::vector<tidemark::Event>> ReadEvents(const std::string& file) {
  auto lines = tidemark::cli::LineReader::Open(file, /*wake_fd=*/-1);
  if (!lines.ok()) return lines.status();
  std::vector<tidemark::Event> events;
  absl::flat_hash_set<std::string> ids;
  const auto wrong = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat(file, ":", lines->line_number(), ": ", why));
  };
  for (absl::string_view line;;) {
    const auto more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more) break;
    if (line.empty()) continue;
    tidemark::Event event;
    if (absl::Status status = tidemark::cli::ParseCloudEvent(line, &event); !status.ok()) {
      return wrong(status.message());
    }
    if (event.id.empty()) return wrong("the event has no \"id\", by which the demo checks it");
    if (!ids.insert(event.id).second) return wrong("an event before it has the same \"id\"");
    if (events.size() == kEventsMax)
      return wrong(absl::StrCat("more than ", kEventsMax, " events"));
    events.push_back(std::move(event));
  }
  if (std::none_of(events.begin(), events.end(),
                   [](const auto& event) { return event.type == "employee.created"; })) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": no event is of the type employee.created, which the demo is about"));
  }
  return events;
}

}  // namespace

absl::StatusOr<std::vector<tidemark::Event>> LoadHrEvents(const HrEventsOptions& options) {
  if (options.file.empty()) return EmployeeLives(options.seed, options.count);
  return ReadEvents(options.file);
}

}  // namespace hr_example
