#include "bench/workload/reporter.h"

#include <unistd.h>

#include <iostream>

#include "bench/measure/table.h"

namespace tidemark::bench {

Reporter::Reporter(Output output) : output_(output) {
  if (isatty(STDERR_FILENO) != 0) live_ = std::make_unique<LiveLine>();
}

void Reporter::Begin(const std::string& what) const {
  if (live_ != nullptr) live_->Show(what);
}

void Reporter::Add(const Result& result) {
  if (output_ == Output::kJson) std::cout << ToJsonLine(result) << std::endl;
  results_.push_back(result);
}

void Reporter::Add(const GoalCheck& check) {
  if (output_ != Output::kTables) std::cout << ToJsonLine(check) << std::endl;
  checks_.push_back(check);
}

void Reporter::Finish() {
  live_.reset();
  if (output_ != Output::kTables) {
    for (const std::string& note : notes_) std::cerr << note << "\n";
    return;
  }
  if (results_.empty()) return;
  std::cout << ResultTable(results_);
  if (const std::string costs = ResultCostTable(results_); !costs.empty()) {
    std::cout << "\n" << costs;
  }
  if (!checks_.empty()) std::cout << "\n" << GoalTable(checks_);
  for (const std::string& note : notes_) std::cout << "\n" << note << "\n";
  std::cout << std::flush;
}

}  // namespace tidemark::bench
