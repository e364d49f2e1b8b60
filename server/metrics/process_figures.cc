#include "server/metrics/process_figures.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>

#include "server/metrics/families.h"

namespace tidemark::metrics {
namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Memory in bytes: all that is mapped, and what is in RAM.
struct Memory {
  double virtual_bytes;
  double resident_bytes;
};

std::optional<Memory> ReadMemory() {
  std::ifstream statm("/proc/self/statm");
  double virtual_pages;
  double resident_pages;
  if (!(statm >> virtual_pages >> resident_pages)) return std::nullopt;
  const double page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  return Memory{virtual_pages * page_bytes, resident_pages * page_bytes};
}

std::optional<double> CountThreads() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    double threads;
    if (word == "Threads:" && status >> threads) return threads;
  }
  return std::nullopt;
}

std::optional<double> CountOpenFiles() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return std::nullopt;
  double entries = 0;
  while (readdir(directory) != nullptr) ++entries;
  closedir(directory);
  return entries - 3;  // ".", ".." and the directory itself.
}

void AddGauge(std::vector<prometheus::MetricFamily>& out, std::string name, std::string help,
              double value) {
  out.push_back(GaugeFamily(std::move(name), std::move(help)));
  AddSample(out.back(), {}, value);
}

}  // namespace

void CollectProcessFigures(std::vector<prometheus::MetricFamily>& out) {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    out.push_back(CounterFamily("tidemark_process_cpu_seconds_total",
                                "CPU time used, by mode: user or system."));
    AddSample(out.back(), {{"mode", "user"}}, Seconds(usage.ru_utime));
    AddSample(out.back(), {{"mode", "system"}}, Seconds(usage.ru_stime));
  }
  if (const std::optional<Memory> memory = ReadMemory()) {
    AddGauge(out, "tidemark_process_resident_memory_bytes", "Memory in RAM.",
             memory->resident_bytes);
    AddGauge(out, "tidemark_process_virtual_memory_bytes", "Memory mapped.", memory->virtual_bytes);
  }
  if (const std::optional<double> threads = CountThreads()) {
    AddGauge(out, "tidemark_process_threads", "Threads.", *threads);
  }
  if (const std::optional<double> files = CountOpenFiles()) {
    AddGauge(out, "tidemark_process_open_fds", "Open file descriptors.", *files);
  }
  rlimit files_max;
  if (getrlimit(RLIMIT_NOFILE, &files_max) == 0 && files_max.rlim_cur != RLIM_INFINITY) {
    AddGauge(out, "tidemark_process_max_fds", "Open file descriptors at most.",
             static_cast<double>(files_max.rlim_cur));
  }
}

}  // namespace tidemark::metrics
