// Reporter: where results go: JSON lines as they come, or tables at the end.
#ifndef TIDEMARK_BENCH_WORKLOAD_REPORTER_H_
#define TIDEMARK_BENCH_WORKLOAD_REPORTER_H_

#include <string>
#include <vector>

#include "bench/measure/goals.h"
#include "bench/measure/result.h"

namespace tidemark::bench {

class Reporter {
 public:
  // `json`: one object a line on standard output. Otherwise tables, by Finish.
  explicit Reporter(bool json) : json_(json) {}

  // Says on standard error what is being measured; on a terminal only.
  void Begin(const std::string& what) const;

  void Add(const Result& result);
  void Add(const GoalCheck& check);
  // `text` for people, after the tables: what the figures do not say by themselves.
  void Note(std::string text) { notes_.push_back(std::move(text)); }
  void Finish() const;

 private:
  const bool json_;
  std::vector<Result> results_;
  std::vector<GoalCheck> checks_;
  std::vector<std::string> notes_;
};

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_REPORTER_H_
