// Fuzz targets: code that takes bytes which others made, each with inputs to begin from.
//
// A target must not crash, hang or be undefined for any input, and checks more where it can: what
// is accepted is encoded and accepted again, two ways to read say the same. Two programs run them:
// fuzz_test.cc, a bounded seeded run in every `./dev test`; fuzzer_main.cc, libFuzzer with
// AddressSanitizer, for `./dev fuzz`.
//
// Seeds are made by the real encoders when they are asked for, so that they follow the format. What
// a fuzzer once found is in regressions/TARGET/.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tidemark::testing {

struct FuzzTarget {
  const char* name;
  void (*run)(absl::string_view input);
  std::vector<std::string> (*seeds)();
};

// By name.
std::vector<FuzzTarget> FuzzTargets();

// Those of each file of targets.
std::vector<FuzzTarget> StorageTargets();
std::vector<FuzzTarget> RequestTargets();

}  // namespace tidemark::testing
