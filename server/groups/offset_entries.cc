#include "server/groups/offset_entries.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tidemark::groups {
namespace {

std::string Subject(const OffsetEntry& entry) {
  return absl::StrCat("topics/", entry.topic, "/partitions/", entry.partition);
}

std::vector<std::pair<std::string, std::string>> Place(const OffsetEntry& entry) {
  return {{"topic", entry.topic}, {"partition", absl::StrCat(entry.partition)}};
}

std::string OrNothing(const std::optional<Offset>& offset) {
  return offset.has_value() ? absl::StrCat(*offset) : "nothing";
}

// The error with the entry's place in its metadata.
absl::Status EntryError(absl::StatusCode code, const OffsetEntry& entry, absl::string_view reason,
                        absl::string_view message,
                        std::vector<std::pair<std::string, std::string>> values) {
  ErrorDetail detail{.reason = std::string(reason), .metadata = Place(entry)};
  for (auto& value : values) detail.metadata.push_back(std::move(value));
  return MakeError(code, message, std::move(detail));
}

// That a member commits what is its own.
absl::Status CheckFence(const EntryState& state) {
  const OffsetEntry& entry = *state.entry;
  if (entry.member_id.empty()) return absl::OkStatus();
  const bool owned = state.owner == entry.member_id && state.assignment == entry.assignment;
  if (owned && !state.fenced) return absl::OkStatus();
  return EntryError(absl::StatusCode::kAborted, entry, "FENCED",
                    absl::StrCat(Subject(entry), " is not owned by ", entry.member_id,
                                 " by assignment ", entry.assignment,
                                 " (any more); nothing was written. Forget what was delivered "
                                 "of it: it goes to its next owner"),
                    {{"member_id", entry.member_id},
                     {"assignment", absl::StrCat(entry.assignment)},
                     {"owner", state.owner}});
}

absl::Status CheckRange(const EntryState& state) {
  const OffsetEntry& entry = *state.entry;
  if (!entry.member_id.empty() && entry.offset > state.delivered) {
    return EntryError(
        absl::StatusCode::kOutOfRange, entry, "OFFSET_NOT_DELIVERED",
        absl::StrCat("offset ", entry.offset, " of ", Subject(entry), " is past ", state.delivered,
                     ", what was delivered to ", entry.member_id, "; nothing was written"),
        {{"offset", absl::StrCat(entry.offset)},
         {"delivered_offset", absl::StrCat(state.delivered)}});
  }
  if (entry.offset <= state.end) return absl::OkStatus();
  return EntryError(
      absl::StatusCode::kOutOfRange, entry, "OFFSET_OUT_OF_RANGE",
      absl::StrCat("offset ", entry.offset, " is past the end ", state.end, " of ", Subject(entry),
                   "; nothing was written"),
      {{"offset", absl::StrCat(entry.offset)}, {"end_offset", absl::StrCat(state.end)}});
}

// What the entry expects, if that is not what is committed.
std::optional<std::string> Mismatch(const EntryState& state) {
  if (const auto* expected = std::get_if<Offset>(&state.entry->expected)) {
    if (state.committed != *expected) return absl::StrCat(*expected);
  }
  if (std::holds_alternative<NothingCommitted>(state.entry->expected)) {
    if (state.committed.has_value()) return "nothing";
  }
  return std::nullopt;
}

absl::Status CheckExpected(const std::vector<EntryState>& states) {
  ErrorDetail detail{.reason = "OFFSET_MISMATCH"};
  for (const EntryState& state : states) {
    const std::optional<std::string> expected = Mismatch(state);
    if (!expected.has_value()) continue;
    if (detail.preconditions.empty()) {
      detail.metadata = Place(*state.entry);
      detail.metadata.emplace_back("expected", *expected);
      detail.metadata.emplace_back("actual", OrNothing(state.committed));
    }
    detail.preconditions.push_back(
        {.type = "EXPECTED_OFFSET",
         .subject = Subject(*state.entry),
         .description = absl::StrCat("expected ", *expected, ", and ", OrNothing(state.committed),
                                     " is committed")});
  }
  if (detail.preconditions.empty()) return absl::OkStatus();
  const std::string message = absl::StrCat(
      detail.preconditions.front().subject, ": ", detail.preconditions.front().description, " (",
      detail.preconditions.size(), " in all do not match); nothing was written");
  return MakeError(absl::StatusCode::kAborted, message, std::move(detail));
}

absl::Status CheckOwner(const EntryState& state) {
  const OffsetEntry& entry = *state.entry;
  if (state.owner.empty() || !entry.member_id.empty()) return absl::OkStatus();
  return EntryError(
      absl::StatusCode::kFailedPrecondition, entry, "PARTITION_OWNED",
      absl::StrCat(Subject(entry), " is owned by ", state.owner, " (", state.client_name,
                   "); nothing was written. Ack through Consume, or stop the member"),
      {{"member_id", state.owner}, {"client_name", state.client_name}});
}

absl::Status CheckRewind(const EntryState& state) {
  const OffsetEntry& entry = *state.entry;
  if (!state.committed.has_value() || entry.offset >= *state.committed) return absl::OkStatus();
  return EntryError(
      absl::StatusCode::kFailedPrecondition, entry, "OFFSET_REWIND",
      absl::StrCat("offset ", entry.offset, " of ", Subject(entry), " is below the committed ",
                   *state.committed, " and allow_rewind is not set; nothing was written"),
      {{"offset", absl::StrCat(entry.offset)},
       {"committed_offset", absl::StrCat(*state.committed)}});
}

}  // namespace

absl::Status CheckEntries(const std::vector<EntryState>& states, bool allow_rewind) {
  for (const EntryState& state : states) {
    if (absl::Status status = CheckFence(state); !status.ok()) return status;
  }
  for (const EntryState& state : states) {
    if (absl::Status status = CheckRange(state); !status.ok()) return status;
  }
  if (absl::Status status = CheckExpected(states); !status.ok()) return status;
  for (const EntryState& state : states) {
    if (absl::Status status = CheckOwner(state); !status.ok()) return status;
  }
  if (allow_rewind) return absl::OkStatus();
  for (const EntryState& state : states) {
    if (absl::Status status = CheckRewind(state); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status NoSuchPartition(const OffsetEntry& entry, uint32_t partitions) {
  return EntryError(absl::StatusCode::kNotFound, entry, "PARTITION_NOT_FOUND",
                    absl::StrCat("topic \"", entry.topic, "\" has ", partitions,
                                 " partitions, and no partition ", entry.partition),
                    {{"partitions", absl::StrCat(partitions)}});
}

}  // namespace tidemark::groups
