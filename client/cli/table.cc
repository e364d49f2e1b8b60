#include "client/cli/table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/terminal.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

std::string Pad(absl::string_view text, size_t width, Table::Align align) {
  const size_t used = DisplayWidth(text);
  const std::string blanks(width > used ? width - used : 0, ' ');
  return align == Table::Align::kRight ? absl::StrCat(blanks, text) : absl::StrCat(text, blanks);
}

}  // namespace

void Table::AddRow(const std::vector<std::string>& cells) {
  std::vector<std::string>& row = rows_.emplace_back();
  row.reserve(columns_.size());
  for (const std::string& cell : cells) row.push_back(EscapeForTerminal(cell));
  row.resize(columns_.size());
}

std::string Table::Format(bool color) const {
  std::vector<size_t> widths;
  for (size_t c = 0; c < columns_.size(); ++c) {
    size_t width = DisplayWidth(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, DisplayWidth(row[c]));
    widths.push_back(width);
  }
  std::string out;
  const auto append_line = [&](const std::vector<std::string>& cells, Color style) {
    std::string line;
    for (size_t c = 0; c < cells.size(); ++c) {
      const bool last_left = c + 1 == cells.size() && columns_[c].align == Align::kLeft;
      absl::StrAppend(&line, c > 0 ? "  " : "",
                      last_left ? cells[c] : Pad(cells[c], widths[c], columns_[c].align));
    }
    absl::StrAppend(&out, Paint(absl::StripTrailingAsciiWhitespace(line), style, color), "\n");
  };
  std::vector<std::string> titles;
  for (const Column& column : columns_) titles.push_back(column.title);
  append_line(titles, Color::kBold);
  for (const auto& row : rows_) append_line(row, Color::kNone);
  return out;
}

std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields,
                         bool color) {
  size_t width = 0;
  for (const auto& field : fields) width = std::max(width, DisplayWidth(field.first) + 1);
  std::string out;
  for (const auto& [name, value] : fields) {
    const std::string label = Pad(absl::StrCat(name, ":"), width, Table::Align::kLeft);
    absl::StrAppend(&out, Paint(label, Color::kBold, color), "  ", EscapeForTerminal(value), "\n");
  }
  return out;
}

std::string GroupDigits(uint64_t number) {
  std::string digits = absl::StrCat(number);
  for (size_t at = digits.size(); at > 3; at -= 3) digits.insert(at - 3, 1, ',');
  return digits;
}

std::string FormatBytes(uint64_t bytes) {
  constexpr absl::string_view kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", value < 10 ? 1 : 0, value, kUnits[unit]);
}

}  // namespace tidemark::cli
