// tidemarkd: flags, start, wait for a signal, stop. `tidemarkd restore`: a backup becomes a store.
//
// Exit codes: 0 after an orderly stop, 1 for wrong settings, 2 if it cannot start.
#include <csignal>
#include <cstdio>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/app/logging.h"
#include "server/app/restore_command.h"
#include "server/app/server_app.h"
#include "server/config/load_settings.h"
#include "spdlog/spdlog.h"

extern char** environ;

int main(int argc, char** argv) {
  using tidemark::app::ServerApp;
  if (argc > 1 && absl::string_view(argv[1]) == "restore") {
    return tidemark::app::RunRestore(argc - 1, argv + 1);
  }
  absl::StatusOr<tidemark::config::LoadedSettings> settings =
      tidemark::config::LoadSettings(argc, argv, environ);
  if (!settings.ok()) {
    std::fprintf(stderr, "tidemarkd: %s\n", std::string(settings.status().message()).c_str());
    return 1;
  }
  if (!settings->exit_text.empty()) {
    std::fputs(settings->exit_text.c_str(), stdout);
    return 0;
  }
  tidemark::app::SetUpLogging(settings->settings);

  // Debian's abseil looks for lock cycles at every lock; the order is checked by clang instead.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);

  // Blocked before any thread starts, so that every thread inherits it and only sigwait takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  absl::StatusOr<std::unique_ptr<ServerApp>> app = ServerApp::Start(*std::move(settings));
  if (!app.ok()) {
    spdlog::critical("cannot start: {}", std::string(app.status().message()));
    return 2;
  }
  int signal_number = 0;
  sigwait(&signals, &signal_number);
  spdlog::info("stopping on signal {}", signal_number);
  (*app)->Stop();
  spdlog::info("stopped");
  return 0;
}
