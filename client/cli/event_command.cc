#include "client/cli/event_command.h"

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/cloud_event_write.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

absl::Status NotStarted(absl::string_view what, int error) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the command was not started: ", what, ": ", std::strerror(error)));
}

// A file in memory that holds the event, at its beginning; -1: errno tells why not.
int FileOf(const ReceivedEvent& event) {
  std::string line;
  AppendCloudEvent(event, FormatRfc3339(event.append_time), &line);
  line.push_back('\n');
  const int file = memfd_create("event", MFD_CLOEXEC);
  if (file < 0) return -1;
  for (size_t at = 0; at < line.size();) {
    const ssize_t written = write(file, line.data() + at, line.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      close(file);
      return -1;
    }
    at += static_cast<size_t>(written);
  }
  lseek(file, 0, SEEK_SET);
  return file;
}

std::vector<std::string> EnvironmentOf(const ReceivedEvent& event) {
  const std::pair<absl::string_view, std::string> variables[] = {
      {"TIDEMARK_TOPIC=", std::string(event.topic)},
      {"TIDEMARK_PARTITION=", absl::StrCat(event.partition)},
      {"TIDEMARK_OFFSET=", absl::StrCat(event.offset)},
      {"TIDEMARK_TYPE=", std::string(event.event.type)},
      {"TIDEMARK_KEY=", std::string(event.event.key)},
      {"TIDEMARK_ATTEMPT=", absl::StrCat(event.attempt)}};
  std::vector<std::string> lines;
  for (char** line = environ; *line != nullptr; ++line) {
    const bool ours = std::any_of(std::begin(variables), std::end(variables), [&](const auto& own) {
      return absl::StartsWith(*line, own.first);
    });
    if (!ours) lines.emplace_back(*line);
  }
  for (const auto& [name, value] : variables) {
    // A NUL byte, which only a key may have, ends what a process can be told.
    lines.push_back(absl::StrCat(name, value.substr(0, value.find('\0'))));
  }
  return lines;
}

// The process's id; -1: `error` tells why there is none.
pid_t Spawn(const std::string& command, const ReceivedEvent& event, int input, int& error) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> lines = EnvironmentOf(event);
  std::vector<char*> environment;
  for (std::string& line : lines) environment.push_back(line.data());
  environment.push_back(nullptr);
  char shell[] = "/bin/sh";
  char flag[] = "-c";
  char* arguments[] = {shell, flag, const_cast<char*>(command.c_str()), nullptr};
  pid_t child = -1;
  error = posix_spawn(&child, shell, &actions, &attributes, arguments, environment.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0 ? child : -1;
}

}  // namespace

absl::Status EventCommand::Run(const ReceivedEvent& event) const {
  const int input = FileOf(event);
  if (input < 0) return NotStarted("no memory for the event", errno);
  int error = 0;
  const pid_t child = Spawn(command_, event, input, error);
  close(input);
  if (child < 0) return NotStarted("/bin/sh", error);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return absl::UnknownError(absl::StrCat("waitpid: ", std::strerror(errno)));
  }
  if (WIFSIGNALED(status)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command was ended by signal ", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the command ended with code ", WEXITSTATUS(status)));
}

}  // namespace tidemark::cli
