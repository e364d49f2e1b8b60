// The goals of the design's speed section that a quick run can judge, from its results.
#ifndef TIDEMARK_BENCH_WORKLOAD_QUICK_GOALS_H_
#define TIDEMARK_BENCH_WORKLOAD_QUICK_GOALS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bench/measure/goals.h"
#include "bench/measure/result.h"

namespace tidemark::bench {

// The names by which results find their baselines.
inline constexpr char kSyncName[] = "fdatasync of 4 kB";
inline constexpr char kSyncIdleName[] = "fdatasync of 4 kB after idle";
inline constexpr char kDiskReadName[] = "disk sequential read, cold";
inline constexpr char kNoopUnary1Name[] = "no-op unary x1";
inline constexpr char kNoopUnary64Name[] = "no-op unary x64";
inline constexpr char kNoopUnaryIdleName[] = "no-op unary after idle";
inline constexpr char kNoopBidiName[] = "no-op bidi, decoded";
inline constexpr char kRawStreamName[] = "raw byte stream";
inline constexpr char kRocksDbName[] = "RocksDB synced writes";
inline constexpr char kAppendName[] = "append";
inline constexpr char kAppendUnindexedName[] = "append, no key index";
inline constexpr char kUnary1Name[] = "unary x1";
inline constexpr char kUnary64Name[] = "unary x64";
inline constexpr char kUnaryIdleName[] = "unary after idle";
inline constexpr char kReplayBytesName[] = "replay, bytes";
inline constexpr char kReplayColdName[] = "replay, bytes, cold";
inline constexpr char kTailName[] = "tail, end to end";

// The first result of that name; null if there is none.
const Result* FindResult(const std::vector<Result>& results, const std::string& name);

// A number of the result's configuration; 0 if it has none of that name.
uint64_t ConfigNumber(const Result& result, const std::string& name);

// A goal whose figures are not all there is left out.
std::vector<GoalCheck> QuickGoals(const std::vector<Result>& results);

}  // namespace tidemark::bench

#endif  // TIDEMARK_BENCH_WORKLOAD_QUICK_GOALS_H_
