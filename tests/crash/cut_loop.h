// The loop of all crash tests: the same work again and again, with the power cut at each sync in
// turn; then the store is opened, and what is there is compared with what was promised.
//
// Threads. One at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "tests/support/crash_file_system.h"

namespace tidemark::testing {

// One store on its disk, what is done with it, and what it promised.
class CrashSubject {
 public:
  virtual ~CrashSubject() = default;
  virtual CrashFileSystem& disk() = 0;
  virtual absl::Status Open() = 0;
  // Until all is done, or nothing can be written any more.
  virtual void Work() = 0;
  virtual void Close() = 0;
  // What is wrong with what is there after start number `start` since the cut, 0 being the first.
  // It may go on working.
  virtual std::vector<std::string> Check(int start) = 0;
};

struct CutPlan {
  CrashFileSystem::When when = CrashFileSystem::When::kBefore;
  CrashFileSystem::Loss loss = CrashFileSystem::Loss::kAllUnsynced;
  uint64_t seed = 1;  // Chooses what is lost.
  int first = 1;      // The first sync that is cut, and how far it is to the next one.
  int step = 1;
  int starts = 1;            // After each cut. Between two of them the power is cut again.
  int cuts_min = 0;          // Fewer: there was not much work.
  bool cuts_starts = false;  // The power fails during the first start, too.
};

struct CutReport {
  int cuts = 0;
  std::vector<std::string> wrong;  // Each with the cut that it came of.
};

// One subject through a cut at sync `cut_at` (0: none until its work is done). `was_cut`: the work
// reached it.
std::vector<std::string> GoThroughCut(CrashSubject& subject, const CutPlan& plan, int cut_at,
                                      bool& was_cut);

// An operation of the disk that fails, perhaps with a power cut behind it.
struct Trouble {
  CrashFileSystem::Operation operation = CrashFileSystem::Operation::kWrite;
  CrashFileSystem::Error error = CrashFileSystem::Error::kIo;
  int at = 1;  // The n-th such operation, 1 being the first.
  bool cut = false;
};
// The same with trouble instead of a cut. `came`: the work reached it.
std::vector<std::string> GoThroughTrouble(CrashSubject& subject, const CutPlan& plan,
                                          const Trouble& trouble, bool& came);

using MakeSubject = absl::FunctionRef<std::unique_ptr<CrashSubject>()>;

// Cuts further and further back, until the work ends before the cut or something is wrong.
CutReport CutEverywhere(const CutPlan& plan, MakeSubject make);

// Fails the test unless everything went well, and there was enough to be cut.
void ExpectSurvives(const CutPlan& plan, MakeSubject make);

}  // namespace tidemark::testing
