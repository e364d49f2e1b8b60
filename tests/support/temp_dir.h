// TempDir: an empty directory for one test, gone with the object.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"

namespace tidemark::testing {

class TempDir {
 public:
  TempDir() {
    // In memory where there is a place for it: no test waits for a disk then.
    for (const char* base : std::initializer_list<const char*>{
             std::getenv("TEST_TMPDIR"), std::getenv("TMPDIR"), "/dev/shm", "/tmp"}) {
      if (base == nullptr) continue;
      path_ = absl::StrCat(base, "/tidemark-test-XXXXXX");
      if (mkdtemp(path_.data()) != nullptr) return;
    }
    base::CheckFailed(__FILE__, __LINE__, "no directory for temporary files");
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // A path within, which need not exist.
  std::string Sub(absl::string_view name) const { return absl::StrCat(path_, "/", name); }

 private:
  std::string path_;
};

}  // namespace tidemark::testing
