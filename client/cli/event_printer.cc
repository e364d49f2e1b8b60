#include "client/cli/event_printer.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cli/cloud_event_write.h"
#include "client/cli/time_text.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

constexpr size_t kTypeWidthMin = 16;
constexpr size_t kKeyWidthMin = 14;
constexpr size_t kWidthMax = 40;
constexpr size_t kTimeWidth = 23;   // "2026-01-31 08:00:00.123"
constexpr size_t kPlaceWidth = 10;  // "7/1234567"

std::string FormatTimeForPeople(absl::Time time) {
  return absl::FormatTime("%E4Y-%m-%d %H:%M:%E3S", time, absl::LocalTimeZone());
}

// Adds blanks up to `width`, and two more before the next column.
void AppendPadded(absl::string_view text, size_t width, std::string* out) {
  const size_t used = DisplayWidth(text);
  absl::StrAppend(out, text, std::string(width > used ? width - used + 2 : 2, ' '));
}

// The data as one line, at least as much of it as fits into `columns`.
std::string DataForPeople(absl::string_view data, size_t columns) {
  if (!IsValidUtf8(data)) return absl::StrCat("<", data.size(), " bytes>");
  // A character has at most 4 bytes; what takes no column may be cut early.
  constexpr size_t kBytesPerColumn = 8;
  if (data.size() / kBytesPerColumn <= columns) return EscapeForTerminal(data);
  size_t bytes = columns * kBytesPerColumn;
  while (bytes > 0 && (static_cast<unsigned char>(data[bytes]) & 0xc0) == 0x80) --bytes;
  return EscapeForTerminal(data.substr(0, bytes));
}

// The data cut to what is left of a terminal's line after `used` columns.
std::string DataThatFits(absl::string_view data, size_t used) {
  // The least room for data: a narrow terminal wraps rather than showing nothing.
  constexpr size_t kColumnsMin = 20;
  const size_t columns = TerminalColumns(STDOUT_FILENO);
  const size_t room = columns > used + kColumnsMin ? columns - used : kColumnsMin;
  return CutToColumns(DataForPeople(data, room), room);
}

}  // namespace

EventPrinter::EventPrinter(Format format, const Terminal& terminal, StdoutWriter* out)
    : format_(format),
      terminal_(terminal),
      out_(out),
      type_width_(kTypeWidthMin),
      key_width_(kKeyWidthMin) {}

const std::string& EventPrinter::TextOf(absl::Time append_time) {
  if (append_time != append_time_) {
    append_time_ = append_time;
    append_time_text_ =
        format_ == Format::kTable ? FormatTimeForPeople(append_time) : FormatRfc3339(append_time);
  }
  return append_time_text_;
}

bool EventPrinter::Print(const ReceivedEvent& received) {
  ++events_;
  if (format_ == Format::kTable) {
    PrintLine(received);
    return out_->MaybeFlush();
  }
  const bool json = format_ == Format::kJson;
  if (json) out_->buffer().append(events_ == 1 ? "[\n" : ",\n");
  if (terminal_.stdout_is_terminal) {
    scratch_.clear();
    AppendCloudEvent(received, TextOf(received.append_time), &scratch_);
    out_->buffer().append(EscapeJsonForTerminal(scratch_));
  } else {
    AppendCloudEvent(received, TextOf(received.append_time), &out_->buffer());
  }
  if (!json) out_->buffer().push_back('\n');
  return out_->MaybeFlush();
}

void EventPrinter::PrintTitles() {
  std::string line;
  AppendPadded("STORED", kTimeWidth, &line);
  AppendPadded("PLACE", kPlaceWidth, &line);
  AppendPadded("TYPE", type_width_, &line);
  AppendPadded("KEY", key_width_, &line);
  line += "DATA";
  out_->buffer().append(absl::StrCat(Paint(line, Color::kBold, terminal_.color_stdout), "\n"));
}

void EventPrinter::PrintLine(const ReceivedEvent& received) {
  if (events_ == 1) PrintTitles();
  const std::string type = EscapeForTerminal(received.event.type);
  const std::string key = EscapeForTerminal(received.event.key);
  type_width_ = std::max(type_width_, std::min(DisplayWidth(type), kWidthMax));
  key_width_ = std::max(key_width_, std::min(DisplayWidth(key), kWidthMax));
  std::string place_text;
  AppendPadded(absl::StrCat(received.partition, "/", received.offset), kPlaceWidth, &place_text);
  std::string type_text;
  AppendPadded(type, type_width_, &type_text);
  std::string key_text;
  AppendPadded(key, key_width_, &key_text);

  const size_t used =
      kTimeWidth + 2 + DisplayWidth(place_text) + DisplayWidth(type_text) + DisplayWidth(key_text);
  const std::string data = terminal_.stdout_is_terminal
                               ? DataThatFits(received.event.data, used)
                               : DataForPeople(received.event.data, received.event.data.size());
  const bool color = terminal_.color_stdout;
  absl::StrAppend(&out_->buffer(), Paint(TextOf(received.append_time), Color::kDim, color), "  ",
                  Paint(place_text, Color::kDim, color), Paint(type_text, Color::kCyan, color),
                  Paint(key_text, Color::kGreen, color), data, "\n");
}

bool EventPrinter::Finish() {
  if (format_ == Format::kJson) out_->buffer().append(events_ == 0 ? "[]\n" : "\n]\n");
  return out_->Flush();
}

}  // namespace tidemark::cli
