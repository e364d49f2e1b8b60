#include "bench/measure/process_usage.h"

#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
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

}  // namespace

std::optional<double> CpuSecondsOfStat(absl::string_view stat, int64_t ticks_per_second) {
  // The program's name, in parentheses, may itself hold blanks and parentheses.
  const size_t name_end = stat.rfind(") ");
  if (name_end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(stat.substr(name_end + 2), ' ', absl::SkipEmpty());
  constexpr size_t kUserTime = 11;  // utime is field 14 of proc(5), the first here is field 3.
  constexpr size_t kSystemTime = 12;
  int64_t user = 0;
  int64_t system = 0;
  if (fields.size() <= kSystemTime || !absl::SimpleAtoi(fields[kUserTime], &user) ||
      !absl::SimpleAtoi(fields[kSystemTime], &system)) {
    return std::nullopt;
  }
  return static_cast<double>(user + system) / static_cast<double>(ticks_per_second);
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
  const absl::StatusOr<std::string> stat = ReadProc(pid, "stat");
  if (!stat.ok()) return stat.status();
  const absl::StatusOr<std::string> status = ReadProc(pid, "status");
  if (!status.ok()) return status.status();
  const absl::StatusOr<std::string> io = ReadProc(pid, "io");
  if (!io.ok()) return io.status();

  const std::optional<double> cpu_s = CpuSecondsOfStat(*stat, sysconf(_SC_CLK_TCK));
  const std::optional<uint64_t> rss_max_kib = ValueOfLine(*status, "VmHWM");
  const std::optional<uint64_t> write_bytes = ValueOfLine(*io, "write_bytes");
  if (!cpu_s || !rss_max_kib || !write_bytes) {
    return absl::InternalError(absl::StrCat("unexpected text in /proc/", pid));
  }
  return ProcessUsage{
      .cpu_s = *cpu_s, .rss_max_bytes = *rss_max_kib * 1024, .write_bytes = *write_bytes};
}

}  // namespace tidemark::bench
