// Every fuzz target over its seeds, over what was once found, and over a bounded number of seeded
// mutations: the same every time, so that a failure is one of the change. TIDEMARK_TEST_SEED
// chooses others, TIDEMARK_FUZZ_RUNS more. For hours there is `./dev fuzz`.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/fuzz/fuzz_target.h"
#include "tests/support/random.h"

namespace tidemark::testing {
namespace {

namespace fs = std::filesystem;

int Runs() {
  const char* text = std::getenv("TIDEMARK_FUZZ_RUNS");
  return text == nullptr ? 2000 : std::atoi(text);
}

std::vector<std::string> InputsOf(const FuzzTarget& target) {
  std::vector<std::string> inputs = target.seeds();
  inputs.emplace_back();
  const fs::path found = fs::path(TIDEMARK_FUZZ_REGRESSIONS) / target.name;
  if (!fs::exists(found)) return inputs;
  for (const auto& entry : fs::directory_iterator(found)) {
    std::ifstream in(entry.path(), std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return inputs;
}

// One change of `bytes`, of the kinds that break decoders.
void Mutate(std::string& bytes, const std::vector<std::string>& others, Random& random) {
  static constexpr unsigned char kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '"', '\\', '='};
  const size_t at = random.Below(bytes.size() + 1);
  switch (random.Below(7)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.Below(8)));
      break;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(kEdges[random.Below(sizeof(kEdges))]);
      break;
    case 2:
      bytes.insert(at, random.Bytes(random.In(1, 10)));
      break;
    case 3:
      bytes.erase(at, random.In(1, 10));
      break;
    case 4:
      bytes.resize(at);
      break;
    case 5:  // A stretch twice.
      bytes.insert(at, bytes.substr(at, random.In(1, 40)));
      break;
    default: {  // The end of another.
      const std::string& other = others[random.Below(others.size())];
      bytes = bytes.substr(0, at) + other.substr(random.Below(other.size() + 1));
    }
  }
  if (bytes.size() > 4096) bytes.resize(4096);
}

// What is being run, for whoever finds the process dead: a crash takes the test's own messages
// along.
struct Running {
  const char* target = "";
  uint64_t seed = 0;
  int run = -1;  // -1: an input as it is.
  const std::string* input = nullptr;
} running;

void PrintRunning(int signal) {
  std::fprintf(stderr, "fuzz target %s, seed %llu, run %d, input in hexadecimal:\n", running.target,
               static_cast<unsigned long long>(running.seed), running.run);
  for (const char byte : *running.input) {
    std::fprintf(stderr, "%02x", static_cast<unsigned char>(byte));
  }
  std::fprintf(stderr, "\n");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void RunOne(const FuzzTarget& target, const std::string& input, uint64_t seed, int run) {
  running = {.target = target.name, .seed = seed, .run = run, .input = &input};
  target.run(input);
}

class FuzzTest : public ::testing::TestWithParam<FuzzTarget> {};

TEST_P(FuzzTest, TakesAnyBytes) {
  const std::vector<std::string> inputs = InputsOf(GetParam());
  const uint64_t seed = SeedOr(1);
  for (const int signal : {SIGABRT, SIGSEGV}) std::signal(signal, PrintRunning);
  for (const std::string& input : inputs) RunOne(GetParam(), input, seed, -1);
  Random random(seed);
  for (int run = 0; run < Runs(); ++run) {
    std::string input = inputs[random.Below(inputs.size())];
    for (uint64_t changes = random.In(1, 6); changes > 0; --changes) Mutate(input, inputs, random);
    RunOne(GetParam(), input, seed, run);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, FuzzTest, ::testing::ValuesIn(FuzzTargets()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace tidemark::testing
