#include "server/log/request_entries.h"

#include "server/base/check.h"
#include "server/log/wire.h"

namespace tidemark::log {

void ForEachEntry(const PartitionEvents& events,
                  absl::FunctionRef<void(const RequestEntry&)> visit) {
  const absl::Span<const absl::string_view> runs(events.runs);
  auto cut = events.cut.begin();
  for (size_t i = 0; i < runs.size();) {
    if (cut != events.cut.end() && cut->run == i) {
      visit(
          {.pieces = runs.subspan(i, cut->runs), .bytes = cut->bytes, .event = cut->without_data});
      i += cut->runs;
      ++cut;
      continue;
    }
    WireReader reader(runs[i]);
    WireField entry;
    while (reader.Next(entry)) {
      visit({.pieces = absl::MakeConstSpan(&entry.whole, 1),
             .bytes = entry.whole.size(),
             .event = entry.bytes});
    }
    TM_CHECK(reader.ok());
    ++i;
  }
  TM_CHECK(cut == events.cut.end());
}

}  // namespace tidemark::log
