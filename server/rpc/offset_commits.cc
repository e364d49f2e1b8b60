#include "server/rpc/offset_commits.h"

#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/base/error.h"
#include "server/rpc/names.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::rpc {
namespace {

absl::Status CheckMember(const v1::OffsetCommit& commit, const std::string& field,
                         const RpcLimits& limits) {
  if (commit.member_id().empty()) {
    if (commit.assignment() == 0) return absl::OkStatus();
    return InvalidField(absl::StrCat(field, ".member_id"), "is required with assignment");
  }
  if (commit.assignment() == 0) {
    return InvalidField(absl::StrCat(field, ".assignment"),
                        "is required with member_id: as in Assigned of the partition");
  }
  return CheckName(commit.member_id(), limits.name_bytes_max, absl::StrCat(field, ".member_id"));
}

absl::StatusOr<groups::OffsetEntry> EntryFrom(const v1::OffsetCommit& commit,
                                              const std::string& field, const RpcLimits& limits) {
  const uint64_t bytes_max = limits.name_bytes_max;
  absl::Status status = CheckName(commit.group(), bytes_max, absl::StrCat(field, ".group"));
  if (status.ok()) status = CheckName(commit.topic(), bytes_max, absl::StrCat(field, ".topic"));
  if (status.ok()) status = CheckMember(commit, field, limits);
  if (!status.ok()) return status;
  groups::OffsetEntry entry{.topic = commit.topic(),
                            .partition = PartitionIndex(commit.partition()),
                            .offset = Offset(commit.offset()),
                            .member_id = commit.member_id(),
                            .assignment = commit.assignment()};
  if (commit.has_expected_offset()) entry.expected = Offset(commit.expected_offset());
  if (commit.has_expected_nothing()) entry.expected = groups::NothingCommitted{};
  return entry;
}

std::string TextOfExpected(const groups::OffsetEntry& entry) {
  if (const auto* offset = std::get_if<Offset>(&entry.expected)) return absl::StrCat(*offset);
  return std::holds_alternative<groups::NothingCommitted>(entry.expected) ? "nothing" : "any";
}

}  // namespace

absl::StatusOr<std::vector<groups::GroupOffsets>> DecodeOffsetCommits(
    absl::Span<const absl::string_view> encoded, const RpcLimits& limits) {
  std::vector<groups::GroupOffsets> commits;
  std::set<std::tuple<std::string, std::string, uint32_t>> seen;
  for (size_t i = 0; i < encoded.size(); ++i) {
    const std::string field = absl::StrCat("offset_commits[", i, "]");
    v1::OffsetCommit commit;
    if (!commit.ParseFromArray(encoded[i].data(), static_cast<int>(encoded[i].size()))) {
      return InvalidField(field, "is malformed", "MALFORMED");
    }
    absl::StatusOr<groups::OffsetEntry> entry = EntryFrom(commit, field, limits);
    if (!entry.ok()) return entry.status();
    if (!seen.emplace(commit.group(), commit.topic(), commit.partition()).second) {
      return InvalidField(field, absl::StrCat("names partition ", commit.partition(),
                                              " of topic \"", commit.topic(), "\" for group \"",
                                              commit.group(), "\" a second time"));
    }
    auto group = std::find_if(commits.begin(), commits.end(), [&](const groups::GroupOffsets& g) {
      return g.group == commit.group();
    });
    if (group == commits.end()) {
      commits.push_back({.group = commit.group(), .entries = {}});
      group = std::prev(commits.end());
    }
    group->entries.push_back(*std::move(entry));
  }
  return commits;
}

uint32_t ExtendFingerprint(uint32_t fingerprint,
                           const std::vector<groups::GroupOffsets>& offset_commits) {
  for (const groups::GroupOffsets& commit : offset_commits) {
    for (const groups::OffsetEntry& entry : commit.entries) {
      // Names have no spaces.
      fingerprint = base::ExtendCrc32c(
          fingerprint, absl::StrCat("offset ", commit.group, " ", entry.topic, " ", entry.partition,
                                    " ", entry.offset, " ", TextOfExpected(entry)));
    }
  }
  return fingerprint;
}

absl::Status TakePart(groups::GroupCoordinator& groups, DecodedAppend& append) {
  if (append.offset_commits.empty()) return absl::OkStatus();
  absl::StatusOr<std::shared_ptr<log::CommitParticipant>> participant =
      groups.CommitWithAppend(std::move(append.offset_commits));
  if (!participant.ok()) return participant.status();
  append.request.participant = *std::move(participant);
  return absl::OkStatus();
}

}  // namespace tidemark::rpc
