// DurableFiles: what a disk would hold after a power cut.
//
// Terms.     Live: what a process sees. Durable: what the disk keeps for certain.
// How.       Bytes of a file become durable by a sync of the file, names (created, renamed,
// deleted)
//            by a sync of their directory; neither implies the other. This is the least that POSIX
//            promises; a server that survives it survives real file systems.
// Threads.   One at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/support/random.h"

namespace tidemark::testing {

struct CrashedFile {
  std::string content;       // All that was ever written.
  size_t durable_bytes = 0;  // Of `content`, from the beginning.
};
using CrashedFilePtr = std::shared_ptr<CrashedFile>;

class DurableFiles {
 public:
  // `root` exists and is durable.
  explicit DurableFiles(std::string root) : root_(std::move(root)) {}

  // A new empty file of this name; what had the name loses it.
  CrashedFilePtr Create(const std::string& path);
  // Null if there is no such file.
  CrashedFilePtr Find(const std::string& path) const;
  void Rename(const std::string& from, const std::string& to);
  void Delete(const std::string& path);
  void MakeDirectory(const std::string& path);
  void SyncDirectory(const std::string& path);

  // What the disk certainly holds: path to content. Directories end with '/'.
  std::map<std::string, std::string> Durable() const;
  // What it might hold: the durable part, some of the other bytes of each file from the front, some
  // of the other changes of each directory in their order.
  std::map<std::string, std::string> DurableAndSome(Random& random) const;
  // Begins anew with this on the disk, all of it durable.
  void Reset(const std::map<std::string, std::string>& files);

 private:
  using Names = std::map<std::string, CrashedFilePtr>;
  // What one call did to a directory; it is on the disk whole or not at all.
  struct Change {
    std::string gone;     // Empty: no name went.
    std::string made;     // Empty: no name came.
    CrashedFilePtr file;  // What `made` stands for.
  };

  static void Apply(const Change& change, Names& names);
  void Do(Change change);
  // Names without those whose directory is not there.
  Names WithDirectories(const Names& names) const;

  const std::string root_;
  Names live_;
  Names durable_;
  std::map<std::string, std::vector<Change>> unsynced_;  // By directory, oldest first.
};

}  // namespace tidemark::testing
