// Lines come out whole, numbered, and as soon as they are there.
#include "client/cli/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LineReaderTest : public ::testing::Test {
 protected:
  ~LineReaderTest() override { std::remove(path_.c_str()); }

  LineReader OpenWith(const std::string& content) {
    std::FILE* file = std::fopen(path_.c_str(), "wb");
    std::fwrite(content.data(), 1, content.size(), file);
    std::fclose(file);
    auto reader = LineReader::Open(path_, -1);
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }

  std::vector<std::string> LinesOf(const std::string& content) {
    LineReader reader = OpenWith(content);
    std::vector<std::string> lines;
    absl::string_view line;
    while (*reader.Next(&line)) lines.emplace_back(line);
    EXPECT_EQ(reader.bytes_done(), content.size());
    EXPECT_EQ(reader.bytes_total(), content.size());
    EXPECT_EQ(reader.line_number(), lines.size());
    return lines;
  }

  const std::string path_ = ::testing::TempDir() + "/line_reader_test." + std::to_string(getpid());
};

TEST_F(LineReaderTest, SplitsAtLineEnds) {
  EXPECT_THAT(LinesOf(""), ElementsAre());
  EXPECT_THAT(LinesOf("a"), ElementsAre("a"));
  EXPECT_THAT(LinesOf("a\n"), ElementsAre("a"));
  EXPECT_THAT(LinesOf("a\r\n\n\nb\n"), ElementsAre("a", "", "", "b"));
  EXPECT_THAT(LinesOf("\n"), ElementsAre(""));
}

TEST_F(LineReaderTest, KeepsLinesWholeAcrossItsBuffer) {
  std::string content;
  std::vector<std::string> expected;
  for (size_t i = 0; i < 40; ++i) {
    expected.push_back(std::string(i * 40'000, static_cast<char>('a' + i % 26)));
    content += expected.back() + "\n";
  }
  EXPECT_EQ(LinesOf(content), expected);
}

TEST_F(LineReaderTest, GivesALineOfAPipeBeforeTheNextIsThere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  auto reader = LineReader::Open("/proc/self/fd/" + std::to_string(ends[0]), -1);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(write(ends[1], "one\ntw", 6), 6);
  absl::string_view line;
  ASSERT_TRUE(*reader->Next(&line));
  EXPECT_EQ(line, "one");
  EXPECT_FALSE(reader->HasBufferedLine());
  ASSERT_EQ(write(ends[1], "o\nthree\n", 8), 8);
  ASSERT_TRUE(*reader->Next(&line));
  EXPECT_EQ(line, "two");
  EXPECT_TRUE(reader->HasBufferedLine());
  EXPECT_EQ(reader->bytes_total(), 0);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(LineReaderTest, EndsWhenWoken) {
  int input[2];
  int wake[2];
  ASSERT_EQ(pipe(input), 0);
  ASSERT_EQ(pipe(wake), 0);
  auto reader = LineReader::Open("/proc/self/fd/" + std::to_string(input[0]), wake[0]);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_EQ(write(input[1], "cut off", 7), 7);
  ASSERT_EQ(write(wake[1], "!", 1), 1);
  absl::string_view line;
  EXPECT_FALSE(*reader->Next(&line));
  for (const int fd : {input[0], input[1], wake[0], wake[1]}) close(fd);
}

TEST_F(LineReaderTest, NamesAFileThatIsNotThere) {
  const auto reader = LineReader::Open("/nowhere/events.jsonl", -1);
  ASSERT_EQ(reader.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("/nowhere/events.jsonl"));
}

TEST_F(LineReaderTest, ReportsADirectory) {
  auto reader = LineReader::Open("/tmp", -1);
  ASSERT_TRUE(reader.ok());
  absl::string_view line;
  EXPECT_EQ(reader->Next(&line).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tidemark::cli
