#include "tests/support/durable_files.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/base/check.h"

namespace tidemark::testing {
namespace {

// "/a/b/c" and "/a/b/c/" are in "/a/b".
std::string DirectoryOf(absl::string_view path) {
  path = absl::StripSuffix(path, "/");
  return std::string(path.substr(0, path.rfind('/')));
}

}  // namespace

void DurableFiles::Apply(const Change& change, Names& names) {
  if (!change.gone.empty()) names.erase(change.gone);
  if (!change.made.empty()) names[change.made] = change.file;
}

void DurableFiles::Do(Change change) {
  Apply(change, live_);
  unsynced_[DirectoryOf(change.made.empty() ? change.gone : change.made)].push_back(
      std::move(change));
}

CrashedFilePtr DurableFiles::Create(const std::string& path) {
  auto file = std::make_shared<CrashedFile>();
  Do({.gone = {}, .made = path, .file = file});
  return file;
}

CrashedFilePtr DurableFiles::Find(const std::string& path) const {
  const auto it = live_.find(path);
  return it == live_.end() ? nullptr : it->second;
}

void DurableFiles::Rename(const std::string& from, const std::string& to) {
  const CrashedFilePtr file = Find(from);
  TM_CHECK(file != nullptr);
  if (DirectoryOf(from) != DirectoryOf(to)) {
    // Each directory keeps its half by its own sync.
    Do({.gone = {}, .made = to, .file = file});
    Do({.gone = from, .made = {}, .file = nullptr});
    return;
  }
  Do({.gone = from, .made = to, .file = file});
}

void DurableFiles::Delete(const std::string& path) {
  Do({.gone = path, .made = {}, .file = nullptr});
}

void DurableFiles::MakeDirectory(const std::string& path) {
  const std::string name = std::string(absl::StripSuffix(path, "/")) + "/";
  if (Find(name) != nullptr) return;
  Do({.gone = {}, .made = name, .file = std::make_shared<CrashedFile>()});
}

void DurableFiles::SyncDirectory(const std::string& path) {
  const auto unsynced = unsynced_.find(std::string(absl::StripSuffix(path, "/")));
  if (unsynced == unsynced_.end()) return;
  for (const Change& change : unsynced->second) Apply(change, durable_);
  unsynced_.erase(unsynced);
}

DurableFiles::Names DurableFiles::WithDirectories(const Names& names) const {
  Names kept;
  for (const auto& [path, file] : names) {  // A directory sorts before what is in it.
    const std::string directory = DirectoryOf(path);
    if (directory == root_ || kept.contains(directory + "/")) kept[path] = file;
  }
  return kept;
}

std::map<std::string, std::string> DurableFiles::Durable() const {
  std::map<std::string, std::string> files;
  for (const auto& [path, file] : WithDirectories(durable_)) {
    files[path] = file->content.substr(0, file->durable_bytes);
  }
  return files;
}

std::map<std::string, std::string> DurableFiles::DurableAndSome(Random& random) const {
  Names names = durable_;
  for (const auto& [directory, changes] : unsynced_) {
    const size_t kept = random.Below(changes.size() + 1);
    for (size_t i = 0; i < kept; ++i) Apply(changes[i], names);
  }
  std::map<std::string, std::string> files;
  for (const auto& [path, file] : WithDirectories(names)) {
    const size_t lost = random.Below(file->content.size() - file->durable_bytes + 1);
    files[path] = file->content.substr(0, file->content.size() - lost);
  }
  return files;
}

void DurableFiles::Reset(const std::map<std::string, std::string>& files) {
  live_.clear();
  unsynced_.clear();
  for (const auto& [path, content] : files) {
    live_[path] = std::make_shared<CrashedFile>(CrashedFile{content, content.size()});
  }
  durable_ = live_;
}

}  // namespace tidemark::testing
