// libFuzzer's entry: runs the target that TIDEMARK_FUZZ_TARGET names. With TIDEMARK_FUZZ_SEEDS set,
// writes its seeds into that directory and ends.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/fuzz/fuzz_target.h"

namespace {

const tidemark::testing::FuzzTarget& Chosen() {
  static const tidemark::testing::FuzzTarget kChosen = [] {
    const char* name = std::getenv("TIDEMARK_FUZZ_TARGET");
    for (const auto& target : tidemark::testing::FuzzTargets()) {
      if (name != nullptr && absl::string_view(target.name) == name) return target;
      if (name == nullptr) std::printf("%s\n", target.name);
    }
    if (name != nullptr) std::fprintf(stderr, "no fuzz target is called %s\n", name);
    std::exit(name == nullptr ? 0 : 1);
  }();
  return kChosen;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const auto& target = Chosen();
  const char* directory = std::getenv("TIDEMARK_FUZZ_SEEDS");
  if (directory == nullptr) return 0;
  std::filesystem::create_directories(directory);
  int number = 0;
  for (const std::string& seed : target.seeds()) {
    std::ofstream(std::filesystem::path(directory) / std::to_string(number++), std::ios::binary)
        << seed;
  }
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Chosen().run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
