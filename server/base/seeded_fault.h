// TM_SEEDED_FAULT(name): a promise that a server breaks on purpose, so that the history checkers
// (tests/history) can be shown to notice.
//
// What ships has none of it: there it is the constant `false`. Only tidemarkd_faulty is compiled
// with TIDEMARK_SEEDED_FAULTS; it has the fault that SEEDED_FAULT names in its environment.
#pragma once

#ifdef TIDEMARK_SEEDED_FAULTS

#include <cstdlib>
#include <cstring>

#define TM_SEEDED_FAULT(name)                                       \
  ([] {                                                             \
    static const char* const kChosen = std::getenv("SEEDED_FAULT"); \
    return kChosen != nullptr && std::strcmp(kChosen, name) == 0;   \
  }())

#else

#define TM_SEEDED_FAULT(name) false

#endif
