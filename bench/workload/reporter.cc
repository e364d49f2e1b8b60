#include "bench/workload/reporter.h"

#include <unistd.h>

#include <iostream>

#include "bench/measure/table.h"

namespace tidemark::bench {

void Reporter::Begin(const std::string& what) const {
  if (isatty(STDERR_FILENO) == 0) return;
  std::cerr << "\r\033[K" << what << " ..." << std::flush;
}

void Reporter::Add(const Result& result) {
  if (json_) std::cout << ToJsonLine(result) << std::endl;
  results_.push_back(result);
}

void Reporter::Add(const GoalCheck& check) {
  if (json_) std::cout << ToJsonLine(check) << std::endl;
  checks_.push_back(check);
}

void Reporter::Finish() const {
  if (isatty(STDERR_FILENO) != 0) std::cerr << "\r\033[K" << std::flush;
  if (json_) return;
  if (results_.empty()) return;
  std::cout << ResultTable(results_);
  if (!checks_.empty()) std::cout << "\n" << GoalTable(checks_);
  for (const std::string& note : notes_) std::cout << "\n" << note << "\n";
  std::cout << std::flush;
}

}  // namespace tidemark::bench
