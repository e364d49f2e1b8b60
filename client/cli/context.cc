#include "client/cli/context.h"

#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace tidemark::cli {
namespace {

constexpr int kIndent = 2;

std::string Dump(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false,
                    nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Context::Context(const Terminal& terminal) : terminal_(terminal), out_(STDOUT_FILENO) {}

std::optional<Format> Context::ChosenFormat() const {
  if (output == "table") return Format::kTable;
  if (output == "json") return Format::kJson;
  if (output == "jsonl") return Format::kJsonl;
  return std::nullopt;
}

Format Context::AdminFormat() const { return ChosenFormat().value_or(Format::kTable); }

Format Context::EventFormat() const {
  return ChosenFormat().value_or(terminal_.stdout_is_terminal ? Format::kTable : Format::kJsonl);
}

absl::StatusOr<Client> Context::Connect() const {
  ClientOptions options;
  options.server = server;
  options.call_timeout = absl::Seconds(20);
  // Scripts want to be told at once; waiting for a server to come is theirs to decide.
  options.connect_timeout = absl::ZeroDuration();
  auto client = Client::Connect(std::move(options));
  if (!client.ok()) return client.status();
  if (const auto info = client->GetServerInfo(); !info.ok()) return info.status();
  return client;
}

ExitCode Context::Fail(const absl::Status& status) const {
  ErrorContext about = error;
  about.server = server;
  const std::string text = FormatError(status, about, terminal_.color_stderr);
  std::fwrite(text.data(), 1, text.size(), stderr);
  return ExitCodeOf(status);
}

ExitCode Context::Succeed() {
  out_.Flush();
  const absl::Status status = out_.Status();
  return status.ok() ? kExitOk : Fail(status);
}

void Context::Note(absl::string_view text) const {
  const std::string line =
      absl::StrCat(Paint(EscapeForTerminal(text), Color::kDim, terminal_.color_stderr), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void Context::PrintJson(const nlohmann::ordered_json& value) {
  const bool indent = AdminFormat() == Format::kJson;
  const std::string text = Dump(value, indent ? kIndent : -1);
  out_.Write(terminal_.stdout_is_terminal ? EscapeJsonForTerminal(text) : text);
  out_.Write("\n");
}

void Context::PrintJsonList(const nlohmann::ordered_json& array) {
  if (AdminFormat() == Format::kJson) return PrintJson(array);
  for (const auto& value : array) PrintJson(value);
}

}  // namespace tidemark::cli
