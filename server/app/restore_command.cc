#include "server/app/restore_command.h"

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/time/time.h"
#include "server/storage/backup.h"

namespace tidemark::app {
namespace {

constexpr char kAbout[] =
    "tidemarkd restore: makes the store that a backup is of, as it was when the backup was made.\n"
    "\n"
    "Every file is compared with its checksum. The store gets an id of its own: consumers that "
    "are\n"
    "further than the backup is get an error, not other events. If it is interrupted, run it "
    "again;\n"
    "until then the server does not start on the directory.\n";
constexpr char kFooter[] =
    "\nExample: tidemarkd restore --from /backup/tidemark --data /var/lib/tidemark\n";

}  // namespace

int RunRestore(int argc, const char* const* argv) {
  CLI::App app(kAbout, "tidemarkd restore");
  app.footer(kFooter);
  std::string from;
  std::string data;
  uint32_t id = 0;
  app.add_option("--from", from, "Directory of backups (the server's setting backup_dir).")
      ->required()
      ->type_name("DIR");
  app.add_option("--data", data, "Directory of the new store; empty, or made.")
      ->required()
      ->type_name("DIR");
  CLI::Option* const chosen =
      app.add_option("--backup", id, "Which backup; the newest if it is not given.")
          ->type_name("ID");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "tidemarkd restore: %s; see --help\n", error.what());
    return 1;
  }
  absl::StatusOr<storage::BackupInfo> restored = storage::RestoreBackup(
      {.from = from,
       .id = chosen->count() > 0 ? std::optional<uint32_t>(id) : std::nullopt,
       .to = data});
  if (!restored.ok()) {
    std::fprintf(stderr, "tidemarkd restore: %s\n",
                 std::string(restored.status().message()).c_str());
    return 2;
  }
  const std::string time = absl::FormatTime(
      absl::RFC3339_sec, absl::FromUnixMicros(static_cast<int64_t>(restored->create_time_us)),
      absl::UTCTimeZone());
  std::printf("restored backup %u of %s (position %llu, %llu bytes) into %s\n", restored->id,
              time.c_str(), static_cast<unsigned long long>(restored->position.value()),
              static_cast<unsigned long long>(restored->bytes), data.c_str());
  return 0;
}

}  // namespace tidemark::app
