// Looking for bytes in the files of a directory.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace tidemark::testing {

// Names of the files below `directory` that hold `needle` anywhere.
inline std::vector<std::string> FilesWith(const std::string& directory, absl::string_view needle) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream content;
    content << file.rdbuf();
    if (absl::StrContains(content.str(), needle)) found.push_back(entry.path().filename());
  }
  return found;
}

}  // namespace tidemark::testing
