// Tally: follows a file as its writer adds lines, and counts them by their first word.
//
// Threads. One thread.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_TALLY_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_TALLY_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace hr_example {

class Tally {
 public:
  // The file may come later.
  explicit Tally(std::string path) : path_(std::move(path)) {}
  ~Tally();
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  // Reads what was added.
  void Update();

  // Lines that begin with `word`, as of the last Update.
  size_t Count(absl::string_view word) const;
  // All lines.
  size_t lines() const { return lines_; }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  int fd_ = -1;
  std::string unfinished_line_;
  size_t lines_ = 0;
  absl::flat_hash_map<std::string, size_t> counts_;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_TALLY_H_
