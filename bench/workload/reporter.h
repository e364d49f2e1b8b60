// Reporter: where results go: JSON lines as they come, or tables at the end.
//
// Terms.     Output says what standard output gets. Notes are for people: after the tables, or on
//            standard error where standard output is for a program.
#ifndef TIDEMARK_BENCH_WORKLOAD_REPORTER_H_
#define TIDEMARK_BENCH_WORKLOAD_REPORTER_H_

#include <memory>
#include <string>
#include <vector>

#include "bench/measure/goals.h"
#include "bench/measure/result.h"
#include "bench/workload/live_line.h"

namespace tidemark::bench {

enum class Output {
  kTables,     // By Finish.
  kJson,       // One object a line: results and goals.
  kGoalsJson,  // One object a line: goals only.
};

class Reporter {
 public:
  explicit Reporter(Output output);

  // Says on standard error what is being measured, and how fast it goes; on a terminal only.
  void Begin(const std::string& what) const;

  void Add(const Result& result);
  void Add(const GoalCheck& check);
  // `text` for people, after the tables: what the figures do not say by themselves.
  void Note(std::string text) { notes_.push_back(std::move(text)); }
  void Finish();

  // Everything added so far.
  const std::vector<Result>& results() const { return results_; }
  const std::vector<GoalCheck>& goals() const { return checks_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  const Output output_;
  std::unique_ptr<LiveLine> live_;  // Null where standard error is no terminal.
  std::vector<Result> results_;
  std::vector<GoalCheck> checks_;
  std::vector<std::string> notes_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_REPORTER_H_
