#include "examples/hr/ledger.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace hr_example {
namespace {

std::string LineOf(absl::string_view word, const tidemark::ReceivedEvent& event) {
  return absl::StrCat(word, "\t", event.partition, "\t", event.offset, "\t", event.event.id);
}

}  // namespace

absl::StatusOr<Ledger> Ledger::Open(const std::string& path, absl::string_view done) {
  auto file = LineFile::Open(path);
  if (!file.ok()) return file.status();
  Ledger ledger(*std::move(file), done);
  for (const std::string& line : ReadLines(path)) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, '\t');
    if (fields.front() == done) ledger.ids_.emplace(fields.back());
  }
  if (absl::Status status = ledger.Note(kStarted); !status.ok()) return status;
  return ledger;
}

Ledger::Ledger(LineFile file, absl::string_view done) : file_(std::move(file)), done_(done) {}

bool Ledger::Contains(const tidemark::ReceivedEvent& event) const {
  return ids_.contains(event.event.id);
}

absl::Status Ledger::Add(const tidemark::ReceivedEvent& event) {
  ids_.emplace(event.event.id);
  return file_.Append(LineOf(done_, event));
}

absl::Status Ledger::AddRedelivery(const tidemark::ReceivedEvent& event) {
  return file_.Append(LineOf(kAgain, event));
}

absl::Status Ledger::Note(absl::string_view word) { return file_.Append(word); }

}  // namespace hr_example
