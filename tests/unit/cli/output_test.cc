// Tables, progress, errors, and what raw lines become.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "client/cli/append_input.h"
#include "client/cli/exit_code.h"
#include "client/cli/progress.h"
#include "client/cli/stdout_writer.h"
#include "client/cli/table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tidemark::cli {
namespace {

using ::testing::HasSubstr;

TEST(TableTest, AlignsColumnsByWhatIsSeen) {
  Table table({{"NAME"}, {"COUNT", Table::Align::kRight}, {"NOTE"}});
  table.AddRow({"漢字", "7", "a\tb"});
  table.AddRow({"hr", "12,345", ""});
  EXPECT_EQ(table.Format(false),
            "NAME   COUNT  NOTE\n"
            "漢字       7  a\\tb\n"
            "hr    12,345\n");
}

TEST(TableTest, WritesNumbersForPeople) {
  EXPECT_EQ(GroupDigits(0), "0");
  EXPECT_EQ(GroupDigits(999), "999");
  EXPECT_EQ(GroupDigits(1234567), "1,234,567");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(4 << 20), "4.0 MiB");
  EXPECT_EQ(FormatBytes(~uint64_t{0}), "16 EiB");
}

TEST(FormatProgressTest, TellsRateShareAndTimeLeft) {
  EXPECT_EQ(FormatProgress("read", {.events = 5000, .done = 25, .total = 100}, absl::Seconds(10)),
            "[#####...............] 25 %  read 5,000 events  500/s  30s left");
  EXPECT_EQ(FormatProgress("read", {.events = 5000}, absl::Seconds(10)),
            "read 5,000 events  500/s");
  EXPECT_EQ(FormatProgress("read", {.events = 9, .done = 200, .total = 100}, absl::Seconds(1)),
            "[####################] 100 %  read 9 events  9/s");
}

TEST(ExitCodeTest, FollowsTheKindOfFailure) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::UnimplementedError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("")), 3);
  EXPECT_EQ(ExitCodeOf(absl::OutOfRangeError("")), 3);
}

TEST(FormatErrorTest, SaysWhatToDoNext) {
  const ErrorContext context{.server = "127.0.0.1:7400", .topic = "hr", .group = ""};
  EXPECT_THAT(FormatError(absl::UnavailableError("connection refused"), context, false),
              HasSubstr("tidemarkd --data DIR --listen 127.0.0.1:7400"));
  EXPECT_THAT(FormatError(absl::NotFoundError("no topic hr"), context, false),
              HasSubstr("tidemark topic create hr"));
  const ErrorContext about_group{.server = "", .topic = "", .group = "payroll"};
  EXPECT_THAT(FormatError(absl::NotFoundError("no group payroll"), about_group, false),
              HasSubstr("tidemark group list"));
}

TEST(FormatErrorTest, LeavesOutWhatGrpcRepeats) {
  EXPECT_THAT(
      FormatError(absl::UnavailableError(
                      "no connection to h:1: failed to connect to all addresses; last error: "
                      "UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host: "
                      "Connection refused"),
                  {}, false),
      HasSubstr("tidemark: no connection to h:1: Connection refused\n"));
}

TEST(FormatErrorTest, ShowsControlCharactersOfTheServersWords) {
  EXPECT_EQ(FormatError(absl::InternalError("a\x1b[2Jb"), {}, false), "tidemark: a\\x1b[2Jb\n");
}

TEST(StdoutWriterTest, TellsAReaderThatLeftFromADiskThatIsFull) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  StdoutWriter to_pipe(ends[1]);
  to_pipe.Write("kept");
  EXPECT_TRUE(to_pipe.Flush());
  close(ends[0]);
  to_pipe.Write("lost");
  EXPECT_FALSE(to_pipe.Flush());
  EXPECT_TRUE(to_pipe.reader_is_gone());
  EXPECT_TRUE(to_pipe.Status().ok());
  close(ends[1]);

  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  StdoutWriter to_full(full);
  to_full.Write("lost");
  EXPECT_FALSE(to_full.Flush());
  EXPECT_FALSE(to_full.Status().ok());
  close(full);
}

TEST(ParseLineTest, MakesDataOfRawLines) {
  const RawFormat raw{.type = "employee.created", .key = "k", .source = "/hr", .content_type = ""};
  Event event;
  ASSERT_TRUE(ParseLine(R"({"name":"Ada"})", raw, &event).ok());
  EXPECT_EQ(event, (Event{.type = "employee.created",
                          .source = "/hr",
                          .key = "k",
                          .content_type = "application/json",
                          .data = R"({"name":"Ada"})"}));
  ASSERT_TRUE(ParseLine("{half", raw, &event).ok());
  EXPECT_EQ(event.content_type, "text/plain");
  ASSERT_TRUE(ParseLine("\xff", raw, &event).ok());
  EXPECT_EQ(event.content_type, "application/octet-stream");
}

}  // namespace
}  // namespace tidemark::cli
