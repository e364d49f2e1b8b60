#include "bench/measure/table.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tidemark::bench {
namespace {

std::string ThreeDigits(double value) {
  const double size = std::fabs(value);
  return size >= 100  ? absl::StrFormat("%.0f", value)
         : size >= 10 ? absl::StrFormat("%.1f", value)
                      : absl::StrFormat("%.2f", value);
}

// CPU for what the result counts: a byte where it counts bytes, an event elsewhere.
std::string CpuText(const Result& result, double cpu_s) {
  const Cost& cost = *result.cost;
  const bool by_byte = result.unit == "MB/s";
  const uint64_t work = by_byte ? cost.bytes : cost.events;
  if (work == 0) return absl::StrFormat("%.1f s", cpu_s);
  const double each = cpu_s / static_cast<double>(work);
  return by_byte ? absl::StrFormat("%.2f ns/B", each * 1e9)
                 : absl::StrFormat("%.2f us/ev", each * 1e6);
}

std::string ValueText(const Result& result) {
  if (result.unit == "us") return HumanMicroseconds(result.value);
  return absl::StrCat(HumanNumber(result.value), " ", result.unit);
}

TableRow RowOf(const Result& result) {
  TableRow row = {result.name, ValueText(result)};
  row.push_back(result.bytes > 0 ? absl::StrCat(HumanNumber(MegabytesPerSecond(result))) : "");
  if (result.percentiles) {
    const Percentiles& p = *result.percentiles;
    for (double us : {p.p50_us, p.p90_us, p.p99_us, p.p99_9_us, p.p99_99_us, p.max_us}) {
      row.push_back(HumanMicroseconds(us));
    }
  } else {
    row.insert(row.end(), 6, "");
  }
  row.push_back(result.ratio ? absl::StrFormat("%.2f of %s", *result.ratio, result.baseline) : "");
  return row;
}

std::string MemoryText(uint64_t bytes) {
  return bytes == 0 ? "" : absl::StrFormat("%d MiB", bytes >> 20);
}

TableRow CostRowOf(const Result& result) {
  const Cost& cost = *result.cost;
  const std::optional<double> disk = DiskBytesPerStoredByte(result);
  return {result.name,
          CpuText(result, cost.client_cpu_s),
          cost.server_cpu_s ? CpuText(result, *cost.server_cpu_s) : "",
          MemoryText(cost.client_rss_max_bytes),
          MemoryText(cost.server_rss_max_bytes.value_or(0)),
          disk ? absl::StrFormat("%.2f", *disk) : ""};
}

}  // namespace

std::string AlignRows(const std::vector<TableRow>& rows) {
  std::vector<size_t> widths;
  for (const TableRow& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const TableRow& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ", i == 0 ? row[i] : padding,
                      i == 0 ? padding : row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&text, line, "\n");
  }
  return text;
}

std::string HumanNumber(double value) {
  const double size = std::fabs(value);
  if (size >= 1e9) return absl::StrCat(ThreeDigits(value / 1e9), " G");
  if (size >= 1e6) return absl::StrCat(ThreeDigits(value / 1e6), " M");
  if (size >= 1e4) return absl::StrCat(ThreeDigits(value / 1e3), " k");
  return ThreeDigits(value);
}

std::string HumanMicroseconds(double us) {
  if (us >= 1e6) return absl::StrCat(ThreeDigits(us / 1e6), " s");
  if (us >= 1e3) return absl::StrCat(ThreeDigits(us / 1e3), " ms");
  return absl::StrCat(ThreeDigits(us), " us");
}

std::vector<TableRow> ResultRows(const std::vector<Result>& results) {
  std::vector<TableRow> rows = {
      {"measured", "value", "MB/s", "p50", "p90", "p99", "p99.9", "p99.99", "max", "ratio"}};
  for (const Result& result : results) rows.push_back(RowOf(result));
  return rows;
}

std::vector<TableRow> ResultCostRows(const std::vector<Result>& results) {
  std::vector<TableRow> rows = {{"what it cost", "client CPU", "server CPU", "client memory",
                                 "server memory", "to disk for each stored byte"}};
  for (const Result& result : results) {
    if (result.cost) rows.push_back(CostRowOf(result));
  }
  if (rows.size() == 1) rows.clear();
  return rows;
}

std::vector<TableRow> GoalRows(const std::vector<GoalCheck>& checks) {
  std::vector<TableRow> rows = {{"goal", "value", "target", "holds"}};
  for (const GoalCheck& check : checks) {
    const char* sense = check.sense == GoalSense::kAtLeast ? ">=" : "<=";
    rows.push_back({absl::StrCat(check.goal, ". ", check.name),
                    absl::StrCat(HumanNumber(check.value), " ", check.unit),
                    absl::StrCat(sense, " ", HumanNumber(check.target), " ", check.unit),
                    check.Holds() ? "yes" : kDoesNotHold});
  }
  return rows;
}

std::string ResultTable(const std::vector<Result>& results) {
  return AlignRows(ResultRows(results));
}

std::string ResultCostTable(const std::vector<Result>& results) {
  return AlignRows(ResultCostRows(results));
}

std::string GoalTable(const std::vector<GoalCheck>& checks) { return AlignRows(GoalRows(checks)); }

}  // namespace tidemark::bench
