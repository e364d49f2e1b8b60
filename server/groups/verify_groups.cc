#include "server/groups/verify_groups.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/log/verify_producers.h"
#include "server/storage/work_rows.h"

namespace tidemark::groups {
namespace {

using log::Finding;

constexpr size_t kRowsOfPage = 1000;

class GroupCheck {
 public:
  GroupCheck(log::EventLog& log, const log::TopicPtr& only, const storage::GroupRecord& group,
             log::KnownEnds& ends, log::VerifyProgress& progress)
      : log_(log), only_(only), group_(group), ends_(ends), progress_(progress) {}

  absl::Status Run() {
    if (absl::Status status = CheckOffsets(); !status.ok()) return status;
    absl::Status status = CheckRows(storage::WorkBlocksPrefix(group_.id), /*letters=*/false);
    if (!status.ok()) return status;
    return CheckRows(storage::DeadLettersPrefix(group_.id), /*letters=*/true);
  }

 private:
  bool Concerns(LogId log) const { return only_ == nullptr || only_->Holds(log); }
  void Found(std::optional<LogId> log, Offset offset, std::string what) {
    Finding finding{.kind = Finding::Kind::kGroup, .name = group_.name};
    const log::TopicPtr topic = log.has_value() ? log_.catalog().FindByLog(*log) : nullptr;
    if (topic != nullptr) {
      finding.topic = topic->name();
      finding.partition = PartitionIndex(static_cast<uint32_t>(*log - topic->record.first_log));
      finding.from = offset;
      finding.until = offset + 1;
    }
    finding.description = std::move(what);
    progress_.Found(std::move(finding));
  }

  absl::Status CheckOffsets() {
    absl::StatusOr<std::vector<std::pair<LogId, Offset>>> offsets =
        log_.store().ReadOffsets(group_.id);
    if (absl::IsDataLoss(offsets.status())) {
      Found(std::nullopt, Offset(0), std::string(offsets.status().message()));
      return absl::OkStatus();
    }
    if (!offsets.ok()) return offsets.status();
    for (const auto& [log, offset] : *offsets) {
      if (!Concerns(log)) continue;
      absl::StatusOr<bool> reaches = ends_.Reaches(log, offset);
      if (!reaches.ok()) return reaches.status();
      if (!*reaches) {
        Found(log, offset,
              absl::StrCat("committed offset ", offset.value(), " is behind the partition's end"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckRows(const std::string& prefix, bool letters) {
    std::string from = prefix;
    const std::string until = storage::PrefixEnd(prefix);
    while (true) {
      auto rows = log_.store().ReadGroupRows(from, until, kRowsOfPage);
      if (absl::IsDataLoss(rows.status())) {
        Found(std::nullopt, Offset(0), std::string(rows.status().message()));
        return absl::OkStatus();
      }
      if (!rows.ok()) return rows.status();
      for (const auto& [key, value] : *rows) {
        if (absl::Status status = CheckRow(key, value, letters); !status.ok()) return status;
      }
      if (absl::Status status = progress_.Checked(0); !status.ok()) return status;
      if (rows->size() < kRowsOfPage) return absl::OkStatus();
      from = rows->back().first + '\0';
    }
  }

  absl::Status CheckRow(absl::string_view key, absl::string_view value, bool letters) {
    storage::GroupRowKeyParts parts;
    if (!storage::ParseGroupRowKey(key, parts)) {
      Found(std::nullopt, Offset(0), "a row has a damaged key");
      return absl::OkStatus();
    }
    if (!Concerns(parts.log)) return absl::OkStatus();
    const Offset base(letters ? parts.number : parts.number * storage::kWorkBlockOffsets);
    Offset end = base + 1;
    absl::Status decoded;
    if (letters) {
      decoded = storage::DecodeDeadLetter(value).status();
    } else {
      absl::StatusOr<storage::WorkBlock> block = storage::DecodeWorkBlock(value);
      decoded = block.status();
      if (block.ok() && !block->done.empty()) end = base + block->done.back().until;
      if (block.ok() && !block->tried.empty()) {
        end = std::max(end, base + block->tried.back().until);
      }
    }
    if (!decoded.ok()) {
      Found(parts.log, base, std::string(decoded.message()));
      return absl::OkStatus();
    }
    absl::StatusOr<bool> reaches = ends_.Reaches(parts.log, end);
    if (!reaches.ok()) return reaches.status();
    if (!*reaches) {
      Found(parts.log, base,
            absl::StrCat(letters ? "a dead letter" : "work", " is at offset ", end.value() - 1,
                         ", behind the partition's end"));
    }
    return absl::OkStatus();
  }

  log::EventLog& log_;
  const log::TopicPtr& only_;
  const storage::GroupRecord& group_;
  log::KnownEnds& ends_;
  log::VerifyProgress& progress_;
};

}  // namespace

absl::Status VerifyGroups(log::EventLog& log, const log::TopicPtr& only,
                          log::VerifyProgress& progress) {
  absl::StatusOr<std::vector<storage::GroupRecord>> groups = log.store().ReadGroups();
  if (absl::IsDataLoss(groups.status())) {
    progress.Found(
        {.kind = Finding::Kind::kGroup, .description = std::string(groups.status().message())});
    return progress.Checked(0);
  }
  if (!groups.ok()) return groups.status();
  log::KnownEnds ends(log);
  for (const storage::GroupRecord& group : *groups) {
    if (absl::Status status = GroupCheck(log, only, group, ends, progress).Run(); !status.ok()) {
      return status;
    }
    ++progress.counts().groups;
  }
  return progress.Checked(0);
}

}  // namespace tidemark::groups
