#include "bench/workload/quick_goals.h"

#include <algorithm>
#include <string>

namespace tidemark::bench {
namespace {

constexpr GoalSense kAtLeast = GoalSense::kAtLeast;
constexpr GoalSense kAtMost = GoalSense::kAtMost;

class Checks {
 public:
  explicit Checks(const std::vector<Result>& results) : results_(results) {}

  const Result* Find(const char* name) const { return FindResult(results_, name); }

  void Ratio(int goal, std::string name, const char* of, const char* to, double target) {
    const Result* const a = Find(of);
    const Result* const b = Find(to);
    if (a == nullptr || b == nullptr || b->value <= 0) return;
    Add({goal, std::move(name), a->value / b->value, target, kAtLeast, "x"});
  }
  void Add(GoalCheck check) { checks_.push_back(std::move(check)); }
  std::vector<GoalCheck> Take() { return std::move(checks_); }

 private:
  const std::vector<Result>& results_;
  std::vector<GoalCheck> checks_;
};

bool HaveLatency(std::initializer_list<const Result*> results) {
  return std::all_of(results.begin(), results.end(),
                     [](const Result* r) { return r != nullptr && r->percentiles.has_value(); });
}

void AddAppendGoals(Checks& checks) {
  checks.Ratio(1, "append / RocksDB synced writes", kAppendName, kRocksDbName, 0.85);
  checks.Ratio(1, "append / no-op bidi, decoded", kAppendName, kNoopBidiName, 0.5);
  if (const Result* append = checks.Find(kAppendName)) {
    checks.Add({1, "append, fsynced", append->value, 1e6, kAtLeast, "events/s"});
  }
}

void AddUnaryGoals(Checks& checks) {
  checks.Ratio(2, "unary / no-op unary, 64 callers", kUnary64Name, kNoopUnary64Name, 0.8);
  const Result* const many = checks.Find(kUnary64Name);
  const Result* const noop_many = checks.Find(kNoopUnary64Name);
  if (HaveLatency({many, noop_many})) {
    checks.Add({2, "unary p99 / no-op p99, 64 callers",
                many->percentiles->p99_us / noop_many->percentiles->p99_us, 3, kAtMost, "x"});
  }
  const Result* const one = checks.Find(kUnary1Name);
  const Result* const noop_one = checks.Find(kNoopUnary1Name);
  const Result* const sync = checks.Find(kSyncName);
  if (!HaveLatency({one, noop_one, sync})) return;
  const double floor_us = noop_one->percentiles->p50_us + sync->percentiles->p50_us;
  checks.Add({2, "unary p50 / (no-op p50 + fdatasync p50), 1 caller",
              one->percentiles->p50_us / floor_us, 1.3, kAtMost, "x"});
  // A machine that slept is slow for everybody: the baselines sleep before each call, too.
  const Result* const idle = checks.Find(kUnaryIdleName);
  const Result* const noop_idle = checks.Find(kNoopUnaryIdleName);
  const Result* const sync_idle = checks.Find(kSyncIdleName);
  if (!HaveLatency({idle, noop_idle, sync_idle})) return;
  checks.Add({2, "the same, each after idle seconds",
              idle->percentiles->p50_us /
                  (noop_idle->percentiles->p50_us + sync_idle->percentiles->p50_us),
              1.3, kAtMost, "x"});
}

void AddReplayGoals(Checks& checks) {
  checks.Ratio(3, "replay / raw byte stream", kReplayBytesName, kRawStreamName, 0.8);
  checks.Ratio(3, "cold replay / disk sequential read", kReplayColdName, kDiskReadName, 0.85);
}

void AddTailGoal(Checks& checks) {
  const Result* const tail = checks.Find(kTailName);
  const Result* const sync = checks.Find(kSyncName);
  if (!HaveLatency({tail, sync})) return;
  checks.Add({5, "tail p99 / fdatasync p50", tail->percentiles->p99_us / sync->percentiles->p50_us,
              2, kAtMost, "x"});
}

void AddCostGoals(Checks& checks) {
  const Result* const append = checks.Find(kAppendName);
  const Result* const unindexed = checks.Find(kAppendUnindexedName);
  if (append != nullptr && unindexed != nullptr && unindexed->value > 0) {
    checks.Add({6, "append throughput lost to the key index",
                std::max(0.0, 1 - append->value / unindexed->value) * 100, 35, kAtMost, "%"});
  }
  if (append == nullptr || !append->cost) return;
  if (const std::optional<double> amplification = DiskBytesPerStoredByte(*append)) {
    checks.Add({8, "bytes to disk per stored byte", *amplification, 2.1, kAtMost, "x"});
  }
}

// The largest of every server of ours that was started, whatever it did.
void AddMemoryGoal(const std::vector<Result>& results, Checks& checks) {
  uint64_t bytes = 0;
  for (const Result& result : results) {
    if (!result.cost || result.of_peer) continue;
    if (result.durability == kNothingStored) continue;  // The no-op server's.
    bytes = std::max(bytes, result.cost->server_rss_max_bytes.value_or(0));
  }
  if (bytes == 0) return;
  checks.Add(
      {7, "resident memory, largest", static_cast<double>(bytes) / (1 << 20), 512, kAtMost, "MiB"});
}

}  // namespace

const Result* FindResult(const std::vector<Result>& results, const std::string& name) {
  const auto it = std::find_if(results.begin(), results.end(),
                               [&name](const Result& result) { return result.name == name; });
  return it == results.end() ? nullptr : &*it;
}

uint64_t ConfigNumber(const Result& result, const std::string& name) {
  if (!result.config.is_object() || !result.config.contains(name)) return 0;
  return result.config[name].get<uint64_t>();
}

std::vector<GoalCheck> QuickGoals(const std::vector<Result>& results) {
  Checks checks(results);
  AddAppendGoals(checks);
  AddUnaryGoals(checks);
  AddReplayGoals(checks);
  AddTailGoal(checks);
  AddCostGoals(checks);
  AddMemoryGoal(results, checks);
  return checks.Take();
}

}  // namespace tidemark::bench
