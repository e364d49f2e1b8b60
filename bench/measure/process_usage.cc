#include "bench/measure/process_usage.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tidemark::bench {
namespace {

absl::StatusOr<std::string> ReadProc(pid_t pid, absl::string_view name) {
  const std::string path = absl::StrCat("/proc/", pid, "/", name);
  errno = 0;
  std::ifstream file(path);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

// Of proc(5)'s stat, from field 3 on.
std::vector<absl::string_view> FieldsOfStat(absl::string_view stat) {
  // The program's name, in parentheses, may itself hold blanks and parentheses.
  const size_t name_end = stat.rfind(") ");
  if (name_end == absl::string_view::npos) return {};
  return absl::StrSplit(stat.substr(name_end + 2), ' ', absl::SkipEmpty());
}

absl::StatusOr<ProcessUsage> ReadUsage(pid_t pid, bool with_ended) {
  const absl::StatusOr<std::string> stat = ReadProc(pid, "stat");
  if (!stat.ok()) return stat.status();
  const absl::StatusOr<std::string> status = ReadProc(pid, "status");
  if (!status.ok()) return status.status();
  const absl::StatusOr<std::string> io = ReadProc(pid, "io");
  if (!io.ok()) return io.status();

  const std::optional<double> cpu_s = CpuSecondsOfStat(*stat, sysconf(_SC_CLK_TCK), with_ended);
  const std::optional<uint64_t> rss_max_kib = ValueOfLine(*status, "VmHWM");
  const std::optional<uint64_t> write_bytes = ValueOfLine(*io, "write_bytes");
  if (!cpu_s || !rss_max_kib || !write_bytes) {
    return absl::InternalError(absl::StrCat("unexpected text in /proc/", pid));
  }
  return ProcessUsage{
      .cpu_s = *cpu_s, .rss_max_bytes = *rss_max_kib * 1024, .write_bytes = *write_bytes};
}

// Every living process with its parent.
std::multimap<pid_t, pid_t> ChildrenByParent() {
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const absl::StatusOr<std::string> stat = ReadProc(pid, "stat");
    if (!stat.ok()) continue;  // It ended meanwhile.
    if (const std::optional<pid_t> parent = ParentOfStat(*stat)) children.emplace(*parent, pid);
  }
  return children;
}

}  // namespace

std::optional<double> CpuSecondsOfStat(absl::string_view stat, int64_t ticks_per_second,
                                       bool with_ended) {
  const std::vector<absl::string_view> fields = FieldsOfStat(stat);
  constexpr size_t kUserTime = 11;  // utime is field 14 of proc(5), the first here is field 3.
  constexpr size_t kCount = 2;      // stime; cutime and cstime follow.
  int64_t ticks = 0;
  for (size_t i = kUserTime; i < kUserTime + (with_ended ? 2 * kCount : kCount); ++i) {
    int64_t value = 0;
    if (i >= fields.size() || !absl::SimpleAtoi(fields[i], &value)) return std::nullopt;
    ticks += value;
  }
  return static_cast<double>(ticks) / static_cast<double>(ticks_per_second);
}

std::optional<pid_t> ParentOfStat(absl::string_view stat) {
  const std::vector<absl::string_view> fields = FieldsOfStat(stat);
  pid_t parent = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &parent)) return std::nullopt;
  return parent;
}

std::optional<uint64_t> ValueOfLine(absl::string_view text, absl::string_view name) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, name) || !absl::ConsumePrefix(&line, ":")) continue;
    line = absl::StripAsciiWhitespace(line);
    uint64_t value = 0;
    if (absl::SimpleAtoi(line.substr(0, line.find(' ')), &value)) return value;
  }
  return std::nullopt;
}

absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid) {
  return ReadUsage(pid, /*with_ended=*/false);
}

absl::StatusOr<ProcessUsage> ReadTreeUsage(pid_t pid) {
  absl::StatusOr<ProcessUsage> total = ReadUsage(pid, /*with_ended=*/true);
  if (!total.ok()) return total;
  const std::multimap<pid_t, pid_t> children = ChildrenByParent();
  std::vector<pid_t> parents = {pid};
  while (!parents.empty()) {
    const auto [begin, end] = children.equal_range(parents.back());
    parents.pop_back();
    for (auto it = begin; it != end; ++it) {
      const absl::StatusOr<ProcessUsage> usage = ReadUsage(it->second, /*with_ended=*/true);
      if (!usage.ok()) continue;  // It ended meanwhile: its parent's has it, or will have.
      total->cpu_s += usage->cpu_s;
      total->rss_max_bytes += usage->rss_max_bytes;
      total->write_bytes += usage->write_bytes;
      parents.push_back(it->second);
    }
  }
  return total;
}

}  // namespace tidemark::bench
