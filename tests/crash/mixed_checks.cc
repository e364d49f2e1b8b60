// MixedSubject: what erasures and backups left.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/crash/mixed_subject.h"

namespace tidemark::testing {
namespace {

std::string ContentOf(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

}  // namespace

void MixedSubject::CheckErasures() {
  const auto records = harness().store().ReadErasures();
  if (!records.ok()) return Wrong(absl::StrCat("erasures: ", records.status().ToString()));
  std::set<std::string> reasons;
  for (const storage::ErasureRecord& record : *records) {
    reasons.insert(record.reason);
    if (record.state != storage::ErasureState::kComplete) {
      Wrong(absl::StrCat(record.reason, " is not complete"));
    }
  }
  std::vector<std::string> ids;
  for (const Ledger::Erasure& erasure : ledger().erasures()) {
    if (!erasure.known || erasure.events.empty()) continue;
    if (!reasons.contains(erasure.name)) Wrong(absl::StrCat(erasure.name, " has no record"));
    for (const auto& [place, id] : erasure.events) ids.push_back(id);
  }
  for (const auto& entry : std::filesystem::recursive_directory_iterator(office_.data())) {
    if (!entry.is_regular_file()) continue;
    const std::string content = ContentOf(entry.path());
    for (const std::string& id : ids) {
      // Of an event's encoding, so that "r1/1;" is not found in "xr1/1;".
      const std::string field = absl::StrCat(std::string(1, static_cast<char>(id.size())), id);
      if (!absl::StrContains(content, field)) continue;
      Wrong(absl::StrCat("erased: ", entry.path().filename().string(), " holds ", id));
    }
  }
}

void MixedSubject::CheckBackups() {
  const auto list = office_.backups().List();
  if (!list.ok()) return Wrong(absl::StrCat("backups: ", list.status().ToString()));
  std::set<uint32_t> there;
  for (const storage::BackupInfo& backup : *list) {
    there.insert(backup.id);
    if (backup.damaged) Wrong(absl::StrCat("backup ", backup.id, " is damaged"));
  }
  const Backup* newest = nullptr;
  uint32_t newest_id = 0;
  for (auto& [id, backup] : backups_) {
    if (backup.deleted && there.contains(id)) Wrong(absl::StrCat("backup ", id, " is back"));
    if (!backup.deletion_tried && !there.contains(id)) {
      Wrong(absl::StrCat("backup ", id, " is lost"));
    }
    if (!there.contains(id)) backup.deletion_tried = backup.deleted = true;
    if (backup.deletion_tried) continue;
    newest = &backup;
    newest_id = id;
  }
  if (newest != nullptr && random().OneIn(3)) RestoreAndCompare(newest_id, *newest);
}

// Of a topic with encrypt_by_key what was erased since cannot be read any more.
void MixedSubject::RestoreAndCompare(uint32_t id, const Backup& backup) {
  const std::string to = absl::StrCat(office_.root(), "/restored", ++restores_);
  const auto restored = storage::RestoreBackup(
      {.from = office_.backups().directory(), .id = id, .to = to, .env = disk().env()});
  if (!restored.ok()) {
    return Wrong(absl::StrCat("restoring backup ", id, ": ", restored.status().ToString()));
  }
  LogHarness other({.store = {.path = to, .env = disk().env()}, .has_vault = true});
  const absl::Status opened = other.Open();
  if (!opened.ok()) return Wrong(absl::StrCat("restored backup: ", opened.ToString()));
  for (const auto& [place, events] : backup.snapshot) {
    const std::string where = absl::StrCat("backup ", id, ": ", place.first, "/", place.second);
    const auto topic = other.log().FindTopic(place.first);
    if (!topic.ok()) {
      Wrong(absl::StrCat(where, " is not there"));
      continue;
    }
    const auto read = other.ReadAll(**topic, place.second);
    if (!read.ok() || read->size() != events.size()) {
      Wrong(absl::StrCat(where, " has not ", events.size(), " events, but ",
                         read.ok() ? absl::StrCat(read->size()) : read.status().ToString()));
      continue;
    }
    for (size_t i = 0; i < events.size(); ++i) {
      const bool destroyed =
          (*topic)->record.config.encrypt_by_key && (*read)[i].event.type.empty();
      if ((*read)[i].offset == events[i].offset && (destroyed || (*read)[i] == events[i])) continue;
      Wrong(absl::StrCat(where, " has another event at ", events[i].offset.value()));
    }
  }
  other.Close();
  std::filesystem::remove_all(to);
}

}  // namespace tidemark::testing
