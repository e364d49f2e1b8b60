// Workspace: a directory of our own below $TMPDIR (or /tmp), removed with the object unless kept.
#ifndef TIDEMARK_EXAMPLES_HR_DEMO_WORKSPACE_H_
#define TIDEMARK_EXAMPLES_HR_DEMO_WORKSPACE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hr_example {

class Workspace {
 public:
  static absl::StatusOr<std::unique_ptr<Workspace>> Create();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::string& path() const { return path_; }
  // The path of a file or directory in it.
  std::string Child(absl::string_view name) const;
  void Keep() { keep_ = true; }

 private:
  explicit Workspace(std::string path);

  const std::string path_;
  bool keep_ = false;
};

}  // namespace hr_example

#endif  // TIDEMARK_EXAMPLES_HR_DEMO_WORKSPACE_H_
