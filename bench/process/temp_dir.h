// TempDir: a directory of our own that disappears with the object.
#ifndef TIDEMARK_BENCH_PROCESS_TEMP_DIR_H_
#define TIDEMARK_BENCH_PROCESS_TEMP_DIR_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tidemark::bench {

class TempDir {
 public:
  // Below `parent`, or, if that is empty, below $TMPDIR, or /tmp.
  static absl::StatusOr<TempDir> Create(const std::string& parent);

  TempDir(TempDir&& other) noexcept;
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();

  const std::string& path() const { return path_; }
  std::string Child(absl::string_view name) const;

  // True where files live in memory, so that fsync costs nothing and durability means nothing.
  bool IsMemory() const;

 private:
  explicit TempDir(std::string path);

  std::string path_;
};

// Removes the directories of all living TempDir objects; for a process that is about to _exit.
void RemoveLiveTempDirs();

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_PROCESS_TEMP_DIR_H_
