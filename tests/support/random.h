// Random: a seeded source of choices, so that a failure can be repeated.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace tidemark::testing {

// The seed in TIDEMARK_TEST_SEED, else `fallback`: a failure prints its seed, this repeats it.
inline uint64_t SeedOr(uint64_t fallback) {
  const char* text = std::getenv("TIDEMARK_TEST_SEED");
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  // A number in [0, n); n is at least 1.
  uint64_t Below(uint64_t n) { return engine_() % n; }
  // A number in [from, until).
  uint64_t In(uint64_t from, uint64_t until) { return from + Below(until - from); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  std::string Bytes(size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(engine_());
    return bytes;
  }
  template <typename Container>
  auto& Of(Container& container) {
    return container[Below(container.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace tidemark::testing
