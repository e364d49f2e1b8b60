#include "bench/workload/peers_report.h"

#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "bench/measure/table.h"
#include "bench/workload/quick_goals.h"

namespace tidemark::bench {
namespace {

using Row = std::vector<std::string>;

struct System {
  std::string name;
  const Result* append = nullptr;
  const Result* replay = nullptr;
  const Result* tail = nullptr;
};

System SystemNamed(const std::vector<Result>& results, const std::string& name) {
  return {name, FindResult(results, name + kAppendWork), FindResult(results, name + kReplayWork),
          FindResult(results, name + kTailWork)};
}

// In the order of their appends.
std::vector<System> SystemsOf(const std::vector<Result>& results) {
  std::vector<System> systems;
  for (const Result& result : results) {
    absl::string_view name = result.name;
    if (!absl::ConsumeSuffix(&name, kAppendWork)) continue;
    systems.push_back(SystemNamed(results, std::string(name)));
  }
  return systems;
}

std::optional<double> FasterBy(const Result* tidemark, const Result* other) {
  if (tidemark == nullptr || other == nullptr || other->value <= 0) return std::nullopt;
  return tidemark->value / other->value;
}

std::optional<double> EarlierBy(const Result* tidemark, const Result* other) {
  if (tidemark == nullptr || other == nullptr) return std::nullopt;
  if (!tidemark->percentiles || !other->percentiles) return std::nullopt;
  if (tidemark->percentiles->p99_us <= 0) return std::nullopt;
  return other->percentiles->p99_us / tidemark->percentiles->p99_us;
}

std::string Factor(std::optional<double> factor) {
  return factor ? absl::StrFormat("%.2f", *factor) : "";
}

std::string Rate(const Result* result) {
  return result == nullptr ? "" : absl::StrCat(HumanNumber(result->value), "/s");
}

std::string Late(const Result* result, double Percentiles::*percentile) {
  if (result == nullptr || !result->percentiles) return "";
  return HumanMicroseconds((*result->percentiles).*percentile);
}

std::string RateTable(const std::vector<System>& systems, const System& tidemark) {
  std::vector<Row> rows = {{"system", "append", "Tidemark x", "replay", "Tidemark x", "tail p50",
                            "tail p99", "Tidemark x", "acknowledged means"}};
  for (const System& system : systems) {
    const bool own = system.name == kTidemarkSystem;
    rows.push_back(
        {system.name, Rate(system.append),
         own ? "" : Factor(FasterBy(tidemark.append, system.append)), Rate(system.replay),
         own ? "" : Factor(FasterBy(tidemark.replay, system.replay)),
         Late(system.tail, &Percentiles::p50_us), Late(system.tail, &Percentiles::p99_us),
         own ? "" : Factor(EarlierBy(tidemark.tail, system.tail)), system.append->durability});
  }
  return AlignRows(rows);
}

std::string Each(double amount, uint64_t events) {
  return events == 0 ? "" : absl::StrFormat("%.2f", amount / static_cast<double>(events) * 1e6);
}

std::string CostTable(const std::vector<System>& systems) {
  std::vector<Row> rows = {{"a million events cost", "append: server CPU s", "client CPU s",
                            "MB to disk", "replay: server CPU s", "client CPU s", "memory"}};
  for (const System& system : systems) {
    Row row = {system.name};
    for (const Result* result : {system.append, system.replay}) {
      const bool known = result != nullptr && result->cost.has_value();
      const Cost cost = known ? *result->cost : Cost{};
      row.push_back(cost.server_cpu_s ? Each(*cost.server_cpu_s, cost.events) : "");
      row.push_back(known ? Each(cost.client_cpu_s, cost.events) : "");
      if (result == nullptr || result != system.append) continue;
      row.push_back(cost.server_write_bytes
                        ? Each(static_cast<double>(*cost.server_write_bytes) / 1e6, cost.events)
                        : "");
    }
    const Result* const last = system.replay != nullptr ? system.replay : system.append;
    row.push_back(
        last->cost && last->cost->server_rss_max_bytes
            ? absl::StrFormat("%.0f MiB",
                              static_cast<double>(*last->cost->server_rss_max_bytes) / (1 << 20))
            : "");
    rows.push_back(std::move(row));
  }
  return AlignRows(rows);
}

std::string Losses(const std::vector<System>& systems, const System& tidemark) {
  if (systems.size() < 2) return "No other system was measured.";
  std::vector<std::string> losses;
  for (const System& system : systems) {
    if (system.name == kTidemarkSystem) continue;
    const auto note = [&](const char* work, std::optional<double> factor) {
      if (factor && *factor < 1) {
        losses.push_back(absl::StrFormat("%s of %s (%.2f)", work, system.name, *factor));
      }
    };
    note("append", FasterBy(tidemark.append, system.append));
    note("replay", FasterBy(tidemark.replay, system.replay));
    note("tail p99", EarlierBy(tidemark.tail, system.tail));
  }
  if (losses.empty()) return "Tidemark wins every row.";
  return absl::StrCat("Tidemark loses to: ", absl::StrJoin(losses, "; "), ".");
}

}  // namespace

std::string PeerTables(const std::vector<Result>& results) {
  const std::vector<System> systems = SystemsOf(results);
  if (systems.empty()) return "";
  const System tidemark = SystemNamed(results, kTidemarkSystem);
  return absl::StrCat(RateTable(systems, tidemark), "\n", CostTable(systems), "\n",
                      Losses(systems, tidemark));
}

std::vector<GoalCheck> PeerGoals(const std::vector<Result>& results) {
  struct Clause {
    int goal;
    const char* peer;
    const char* work;
    double target;
  };
  constexpr Clause kClauses[] = {{1, "NATS JetStream", kAppendWork, 3},
                                 {1, "RabbitMQ stream", kAppendWork, 3},
                                 {1, "Redis Streams", kAppendWork, 3},
                                 {1, "Kafka", kAppendWork, 2},
                                 {3, "NATS JetStream", kReplayWork, 5}};
  std::vector<GoalCheck> goals;
  for (const Clause& clause : kClauses) {
    const Result* const own = FindResult(results, absl::StrCat(kTidemarkSystem, clause.work));
    const Result* const peer =
        FindResult(results, absl::StrCat(clause.peer, ", default", clause.work));
    const std::optional<double> factor = FasterBy(own, peer);
    if (!factor) continue;
    goals.push_back({clause.goal,
                     absl::StrCat(absl::StripPrefix(clause.work, ": "), " / that of ", clause.peer,
                                  ", no fsync"),
                     *factor, clause.target, GoalSense::kAtLeast, "x"});
  }
  return goals;
}

}  // namespace tidemark::bench
