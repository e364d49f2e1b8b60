#include "server/config/settings_check.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "server/config/memory_plan.h"
#include "server/config/setting_table.h"

namespace tidemark::config {
namespace {

using OriginOf = std::function<std::string(absl::string_view name)>;

// The one setting must not exceed the other. Only what would otherwise fail later is here: a limit
// that another one makes unreachable does no harm.
struct AtMost {
  absl::string_view small_name;
  uint64_t Settings::*small;
  absl::string_view large_name;
  uint64_t Settings::*large;
  absl::string_view why;
};

constexpr AtMost kAtMost[] = {
    {"event_bytes_max", &Settings::event_bytes_max, "request_bytes_max",
     &Settings::request_bytes_max, "a request must hold the largest event"},
    {"request_bytes_max", &Settings::request_bytes_max, "queue_bytes_max",
     &Settings::queue_bytes_max, "the queue must hold the largest request"},
    {"request_bytes_max", &Settings::request_bytes_max, "append_stream_inflight_bytes_max",
     &Settings::append_stream_inflight_bytes_max, "a stream must take the largest request"},
    {"batch_bytes_max", &Settings::batch_bytes_max, "commit_bytes_max", &Settings::commit_bytes_max,
     "a batch is part of one commit"},
    {"commit_bytes_max", &Settings::commit_bytes_max, "queue_bytes_max", &Settings::queue_bytes_max,
     "a commit is taken from the queue"},
    {"batch_bytes_max", &Settings::batch_bytes_max, "tail_bytes_max", &Settings::tail_bytes_max,
     "the tail must hold at least the newest batch"},
};

// `event_bytes_max = 8MiB (flag --event-bytes-max)`.
std::string Describe(absl::string_view name, const Settings& settings, const OriginOf& origin) {
  return absl::StrCat(name, " = ", FindSetting(name)->format(settings), " (", origin(name), ")");
}

absl::Status CheckNetwork(absl::string_view name, const Endpoint& endpoint,
                          const Settings& settings, const OriginOf& origin) {
  if (settings.allow_insecure_network || endpoint.IsLoopback()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "setting ", Describe(name, settings, origin),
      ": is not a loopback address, and this version has neither TLS nor authentication: whoever "
      "reaches the port can read and change everything. Listen on 127.0.0.1 behind a proxy that "
      "has both, or accept that with --allow-insecure-network"));
}

// `path` without what does not matter in it: "./a//b/../c/" is "/cwd/a/c".
std::filesystem::path Plain(const std::string& path) {
  std::error_code error;
  std::filesystem::path plain = std::filesystem::absolute(path, error).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

bool IsInside(const std::string& path, const std::string& directory) {
  if (directory.empty()) return false;
  const std::filesystem::path outer = Plain(directory);
  const std::filesystem::path inner = Plain(path);
  const auto [end, at] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
  return end == outer.end();
}

// A restore empties `data`, and a lost disk takes both.
absl::Status CheckBackupDir(const Settings& settings, const OriginOf& origin) {
  if (settings.backup_dir.empty() || !IsInside(settings.backup_dir, settings.data)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "setting ", Describe("backup_dir", settings, origin), ": is inside ",
      Describe("data", settings, origin), "; give another directory, best on another disk"));
}

// Whoever copies the directory would copy the key to what is encrypted in it.
absl::Status CheckMasterKeyFile(const Settings& settings, const OriginOf& origin) {
  if (settings.master_key_file.empty()) return absl::OkStatus();
  for (const auto& [name, directory] :
       {std::pair<absl::string_view, const std::string&>("data", settings.data),
        {"backup_dir", settings.backup_dir}}) {
    if (!IsInside(settings.master_key_file, directory)) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "setting ", Describe("master_key_file", settings, origin), ": is inside ",
        Describe(name, settings, origin),
        ", so that a copy of the directory would hold the key to what is encrypted in it; keep it "
        "elsewhere"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTogether(const Settings& settings, const OriginOf& origin) {
  if (settings.data.empty()) {
    return absl::InvalidArgumentError(
        "setting data: is required: give the directory of the store with --data DIR, TIDEMARK_DATA "
        "or data in the configuration file");
  }
  for (const AtMost& rule : kAtMost) {
    if (settings.*rule.small <= settings.*rule.large) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("setting ", Describe(rule.small_name, settings, origin), ": exceeds ",
                     Describe(rule.large_name, settings, origin), "; ", rule.why));
  }
  absl::Status status = CheckMemory(settings, origin("memory_limit"));
  if (!status.ok()) return status;
  status = CheckBackupDir(settings, origin);
  if (!status.ok()) return status;
  status = CheckMasterKeyFile(settings, origin);
  if (!status.ok()) return status;
  status = CheckNetwork("listen", settings.listen, settings, origin);
  if (!status.ok() || !settings.http.has_value()) return status;
  status = CheckNetwork("http", *settings.http, settings, origin);
  if (!status.ok()) return status;
  if (settings.listen == *settings.http && settings.listen.port != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("setting ", Describe("http", settings, origin), ": is the same address as ",
                     Describe("listen", settings, origin), "; give it another port, or \"off\""));
  }
  return absl::OkStatus();
}

}  // namespace tidemark::config
