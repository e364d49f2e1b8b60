#include "examples/hr/demo/workspace.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace hr_example {

absl::StatusOr<std::unique_ptr<Workspace>> Workspace::Create() {
  const char* parent = std::getenv("TMPDIR");
  std::string path =
      absl::StrCat(parent != nullptr && *parent != '\0' ? parent : "/tmp", "/tidemark-demo-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot make the directory ", path));
  }
  return std::unique_ptr<Workspace>(new Workspace(std::move(path)));
}

Workspace::Workspace(std::string path) : path_(std::move(path)) {}

Workspace::~Workspace() {
  if (keep_) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string Workspace::Child(absl::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace hr_example
