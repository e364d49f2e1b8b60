#include "bench/workload/sustain_workload.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"
#include "bench/load/topic_admin.h"

namespace tidemark::bench {
namespace {

constexpr double kGigabyte = 1e9;

// The first and last second of a leg are not whole.
std::optional<uint64_t> SlowestSecond(const std::vector<uint64_t>& events_by_second) {
  if (events_by_second.size() < 3) return std::nullopt;
  return *std::min_element(events_by_second.begin() + 1, events_by_second.end() - 1);
}

void AddFigures(const Session& session, double stored_gigabytes, Result& result) {
  result.config["stored_gigabytes"] = stored_gigabytes;
  if (const auto slowest = SlowestSecond(result.events_by_second)) {
    result.config["slowest_second_events"] = *slowest;
    result.config["slowest_second_share"] = static_cast<double>(*slowest) / result.value;
  }
  if (const auto bytes = session.DataBytes()) result.config["data_directory_bytes"] = *bytes;
}

}  // namespace

std::vector<double> LegEnds(double gigabytes) {
  std::vector<double> ends;
  for (const double end : {1.0, 2.0, 5.0, 10.0}) {
    if (end < gigabytes) ends.push_back(end);
  }
  for (double end = 20; end < gigabytes; end += 10) ends.push_back(end);
  ends.push_back(gigabytes);
  return ends;
}

absl::Status MeasureSustain(Session& session, const SustainConfig& config,
                            absl::FunctionRef<void(const Result&)> report) {
  const auto server = session.Tidemark();
  if (!server.ok()) return server.status();
  AppendConfig append = config.append;
  append.topic = FreshTopicName("sustain");
  append.max_bytes = static_cast<uint64_t>(
      std::max(1.0, config.window_gigabytes * kGigabyte / static_cast<double>(append.partitions)));
  const double request_bytes = EventPool(append.shape, append.batch_events).MeanEntryBytes();
  double begin = 0;
  for (const double end : LegEnds(config.gigabytes)) {
    append.name = absl::StrFormat("sustain, %g to %g GB", begin, end);
    append.events = static_cast<uint64_t>(std::ceil((end - begin) * kGigabyte / request_bytes) *
                                          append.batch_events);
    auto result = MeasureAppend(**server, append, session.Durability(), nullptr);
    if (!result.ok()) return result.status();
    AddFigures(session, end, *result);
    report(*result);
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace tidemark::bench
