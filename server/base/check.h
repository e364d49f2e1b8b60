// TM_CHECK: a condition that only a bug can break. On in every build: a store that has left its
// invariants must stop before it writes. The process aborts after printing the place and values.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"

namespace tidemark::base {

[[noreturn]] inline void CheckFailed(const char* file, int line, const std::string& what) {
  std::fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace tidemark::base

#define TM_CHECK(condition)                                          \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::tidemark::base::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (false)

#define TM_CHECK_OP_(a, op, b)                                                                   \
  do {                                                                                           \
    const auto& tm_a = (a);                                                                      \
    const auto& tm_b = (b);                                                                      \
    if (!(tm_a op tm_b)) [[unlikely]]                                                            \
      ::tidemark::base::CheckFailed(                                                             \
          __FILE__, __LINE__, ::absl::StrCat(#a " " #op " " #b " (", tm_a, " and ", tm_b, ")")); \
  } while (false)

#define TM_CHECK_EQ(a, b) TM_CHECK_OP_(a, ==, b)
#define TM_CHECK_NE(a, b) TM_CHECK_OP_(a, !=, b)
#define TM_CHECK_LE(a, b) TM_CHECK_OP_(a, <=, b)
#define TM_CHECK_LT(a, b) TM_CHECK_OP_(a, <, b)
#define TM_CHECK_GE(a, b) TM_CHECK_OP_(a, >=, b)
#define TM_CHECK_GT(a, b) TM_CHECK_OP_(a, >, b)
