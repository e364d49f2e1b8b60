#include "server/storage/manifest_keeper.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tidemark::storage {

ManifestKeeper::ManifestKeeper(rocksdb::Env& base) : EnvWrapper(&base) {
  file_system_ = base.GetFileSystem();
  system_clock_ = base.GetSystemClock();
}

rocksdb::Status ManifestKeeper::DeleteFile(const std::string& path) {
  const size_t slash = path.rfind('/');
  const absl::string_view name = absl::string_view(path).substr(slash + 1);
  if (slash != std::string::npos && absl::StartsWith(name, "MANIFEST-")) {
    std::string current;
    const rocksdb::Status read = rocksdb::ReadFileToString(
        target(), absl::StrCat(path.substr(0, slash), "/CURRENT"), &current);
    const bool named = absl::StripAsciiWhitespace(current) == name;
    if (named || (!read.ok() && !read.IsNotFound())) {
      return rocksdb::Status::Busy("CURRENT names it", path);
    }
  }
  return EnvWrapper::DeleteFile(path);
}

}  // namespace tidemark::storage
