// Tables of text for people: columns as wide as their widest cell, two blanks between them.
#ifndef TIDEMARK_CLIENT_CLI_TABLE_H_
#define TIDEMARK_CLIENT_CLI_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tidemark::cli {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as columns. Control characters are made visible.
  void AddRow(const std::vector<std::string>& cells);

  // All lines, each with its end; titles bold where `color`.
  std::string Format(bool color) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Names and values below each other: "partitions:  8".
std::string FormatFields(const std::vector<std::pair<std::string, std::string>>& fields,
                         bool color);

// 1234567 as "1,234,567".
std::string GroupDigits(uint64_t number);

// 1536 as "1.5 KiB".
std::string FormatBytes(uint64_t bytes);

}  // namespace tidemark::cli

#endif  // TIDEMARK_CLIENT_CLI_TABLE_H_
