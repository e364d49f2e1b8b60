#include "client/cli/stream_notes.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tidemark::cli {

std::string DescribeGap(const Gap& gap) {
  return absl::StrCat("gap: ", gap.topic, ", partition ", gap.partition, ", offsets ",
                      gap.from_offset, " to ", gap.until_offset - 1, " can no longer be read (",
                      GapReasonName(gap.reason), ")");
}

void ConnectionNotes::Lost(const absl::Status& cause) {
  if (std::exchange(lost_, true)) return;
  tell_(absl::StrCat("connection lost: ", cause.message(), "; trying until it is back"));
}

void ConnectionNotes::Alive() {
  if (std::exchange(lost_, false)) tell_("connected again");
}

}  // namespace tidemark::cli
