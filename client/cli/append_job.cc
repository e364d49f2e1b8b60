#include "client/cli/append_job.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/interrupt.h"
#include "client/cli/table.h"
#include "client/cli/terminal.h"
#include "client/cli/time_text.h"

namespace tidemark::cli {
namespace {

// A wrong file has as many wrong lines as lines; the first ones tell enough.
constexpr uint64_t kReportedLinesMax = 20;

uint64_t Rate(uint64_t events, absl::Duration elapsed) {
  return static_cast<uint64_t>(static_cast<double>(events) /
                               std::max(absl::ToDoubleSeconds(elapsed), 1e-3));
}

absl::Status CheckPartition(const Client& client, const AppendSettings& settings) {
  if (!settings.partition.has_value()) return absl::OkStatus();
  const auto topic = client.GetTopic(settings.topic);
  if (!topic.ok()) return topic.status();
  if (*settings.partition < topic->partitions) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat("there is no partition ", *settings.partition,
                                            ": topic ", settings.topic, " has 0 to ",
                                            topic->partitions - 1));
}

absl::string_view EventsWord(uint64_t count) { return count == 1 ? " event" : " events"; }

}  // namespace

AppendJob::AppendJob(Context* context, const AppendArguments& arguments)
    : context_(context), arguments_(arguments) {}

void AppendJob::ReportLine(uint64_t line_number, absl::string_view reason) {
  absl::MutexLock lock(&mu_);
  if (++reported_lines_ > kReportedLinesMax) return;
  const Terminal& terminal = context_->terminal();
  const std::string text = absl::StrCat(
      Paint(absl::StrCat(EscapeForTerminal(input_name_), ":", line_number, ":"), Color::kRed,
            terminal.color_stderr),
      " ", EscapeForTerminal(reason), "\n",
      reported_lines_ == kReportedLinesMax ? "(further lines are counted, not shown)\n" : "");
  // On a terminal it takes the place of the progress line.
  if (terminal.stderr_is_terminal) std::fputs("\r\033[K", stderr);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

bool AppendJob::HasReportedLine() {
  absl::MutexLock lock(&mu_);
  return reported_lines_ > 0;
}

void AppendJob::PrintAck(const AppendResult& result) {
  absl::MutexLock lock(&mu_);
  for (const OffsetRange& range : result.ranges) {
    nlohmann::ordered_json json = {{"topic", arguments_.settings.topic},
                                   {"partition", range.partition},
                                   {"first_offset", range.first_offset},
                                   {"count", range.count}};
    if (result.duplicate) json["duplicate"] = true;
    context_->out().buffer().append(json.dump()).push_back('\n');
  }
  // A reader that went away stops the acks, not the append: the rest of the input is still wanted.
  context_->out().Flush();
}

AppendCallbacks AppendJob::Callbacks() {
  AppendCallbacks callbacks;
  callbacks.on_acknowledged = [this](const AppendResult& result) {
    if (arguments_.print_acks) PrintAck(result);
  };
  callbacks.on_invalid = [this](uint64_t line_number, const absl::Status& status) {
    ReportLine(line_number, status.message());
  };
  return callbacks;
}

absl::Status AppendJob::SendLine(const LineReader& lines, absl::string_view line,
                                 AppendSink* sink) {
  absl::Status status = ParseLine(line, arguments_.raw, &event_);
  if (status.ok()) {
    status = sink->Send(event_, lines.line_number());
    if (status.ok()) return status;
    if (const absl::Status failure = sink->Failure(); !failure.ok()) {
      stopped_at_line_ = lines.line_number();
      return failure;
    }
  }
  ReportLine(lines.line_number(), status.message());
  if (arguments_.settings.skip_invalid) {
    ++skipped_lines_;
    return absl::OkStatus();
  }
  stopped_at_line_ = lines.line_number();
  return status;
}

absl::Status AppendJob::SendAll(LineReader* lines, AppendSink* sink, Progress* progress) {
  absl::string_view line;
  while (true) {
    if (!lines->HasBufferedLine()) {
      if (absl::Status status = sink->Wait(); !status.ok()) return status;
    }
    const auto more = lines->Next(&line);
    if (!more.ok()) return more.status();
    if (!*more || Interrupted()) return absl::OkStatus();
    if (line.empty()) continue;
    if (absl::Status status = SendLine(*lines, line, sink); !status.ok()) return status;
    if (progress->Due()) {
      progress->Show({.events = sink->counts().acknowledged,
                      .done = lines->bytes_done(),
                      .total = lines->bytes_total()});
    }
  }
}

ExitCode AppendJob::Run() {
  auto lines = LineReader::Open(arguments_.input, InterruptFd());
  if (!lines.ok()) return context_->Fail(lines.status());
  input_name_ = lines->name();
  const auto client = context_->Connect();
  if (!client.ok()) return context_->Fail(client.status());
  if (const absl::Status status = CheckPartition(*client, arguments_.settings); !status.ok()) {
    return context_->Fail(status);
  }
  const bool resumable = !arguments_.settings.producer_id.empty();
  auto sink = resumable ? OpenResumableSink(*client, arguments_.settings, Callbacks())
                        : OpenPipelinedSink(*client, arguments_.settings, Callbacks());
  if (!sink.ok()) return context_->Fail(sink.status());

  const Terminal& terminal = context_->terminal();
  Progress progress("appended", terminal.stderr_is_terminal &&
                                    !(arguments_.print_acks && terminal.stdout_is_terminal));
  const absl::Status sent = SendAll(&*lines, sink->get(), &progress);
  const absl::Status finished = (*sink)->Finish();
  progress.Clear();
  return Conclude(sent, finished, (*sink)->counts(), progress.Elapsed());
}

void AppendJob::PrintSummary(const AppendCounts& counts, absl::Duration elapsed, bool complete) {
  std::string text;
  if (complete) {
    text =
        absl::StrCat("appended ", GroupDigits(counts.acknowledged), EventsWord(counts.acknowledged),
                     " to ", arguments_.settings.topic, " in ", FormatDurationText(elapsed), " (",
                     GroupDigits(Rate(counts.acknowledged, elapsed)), "/s)");
  } else {
    text = absl::StrCat("stopped: ", GroupDigits(counts.sent), EventsWord(counts.sent), " sent, ",
                        GroupDigits(counts.acknowledged), " acknowledged");
    if (stopped_at_line_ > 0) {
      absl::StrAppend(&text, "; line ", stopped_at_line_, " and what follows was not sent");
    }
  }
  if (counts.stored_before > 0) {
    absl::StrAppend(&text, "; ", GroupDigits(counts.stored_before), " of them by an earlier run");
  }
  const uint64_t invalid = skipped_lines_ + counts.invalid;
  if (complete && invalid > 0) {
    absl::StrAppend(&text, "; ", GroupDigits(invalid), " invalid",
                    invalid == 1 ? " line" : " lines", " skipped");
  }
  context_->Note(text);
}

ExitCode AppendJob::Conclude(const absl::Status& sent, const absl::Status& finished,
                             const AppendCounts& counts, absl::Duration elapsed) {
  const absl::Status& status = sent.ok() ? finished : sent;
  const bool complete = status.ok() && !Interrupted();
  PrintSummary(counts, elapsed, complete);
  if (!arguments_.print_acks && context_->EventFormat() != Format::kTable &&
      !context_->output.empty()) {
    context_->PrintJson({{"topic", arguments_.settings.topic},
                         {"sent", counts.sent},
                         {"acknowledged", counts.acknowledged},
                         {"stored_before", counts.stored_before},
                         {"invalid", skipped_lines_ + counts.invalid},
                         {"seconds", absl::ToDoubleSeconds(elapsed)},
                         {"complete", complete}});
  }
  const ExitCode written = context_->Succeed();
  if (Interrupted()) return kExitInterrupted;
  // Why a line is invalid was told beside its number.
  if (absl::IsInvalidArgument(status) && HasReportedLine()) return kExitUsage;
  if (!status.ok()) return context_->Fail(status);
  return written;
}

}  // namespace tidemark::cli
