// What comes from clients and from operators.
#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/config/config_file.h"
#include "server/config/endpoint.h"
#include "server/config/value_text.h"
#include "server/delivery/cursor.h"
#include "server/log/batch_cut.h"
#include "server/rpc/append_decoder.h"
#include "server/rpc/call_pressure.h"
#include "server/rpc/frame_guard.h"
#include "server/rpc/stream_limit.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/events.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::testing {
namespace {

const log::Catalog& TestCatalog() {
  static const auto* const kCatalog = [] {
    auto* catalog = new log::Catalog;
    catalog->Put(
        {.id = TopicId(1), .name = "hr", .first_log = LogId(1), .config = {.partitions = 4}});
    catalog->Put({.id = TopicId(2), .name = "pay", .first_log = LogId(9)});
    return catalog;
  }();
  return *kCatalog;
}

// What a decoder makes of a request, to be compared.
std::string OutcomeOf(const absl::StatusOr<rpc::DecodedAppend>& decoded) {
  if (!decoded.ok()) return decoded.status().ToString();
  return absl::StrCat("ok, ", decoded->offset_commits.size(), " offset commits");
}

// The same bytes in one piece and cut into pieces are the same request; what Protobuf's parser
// refuses is refused.
template <typename Message, typename Decode>
void RunRequest(absl::string_view input, Decode decode) {
  const auto outcome = [&](std::vector<grpc::Slice> pieces) {
    return OutcomeOf(decode(std::make_shared<rpc::RequestBytes>(std::move(pieces))));
  };
  const std::string whole = outcome({grpc::Slice(std::string(input))});
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{100}}) {
    std::vector<grpc::Slice> pieces;
    for (size_t at = 0; at < input.size(); at += piece) {
      pieces.emplace_back(std::string(input.substr(at, piece)));
    }
    TM_CHECK(outcome(std::move(pieces)) == whole);
  }
  // It says on standard error what it refuses.
  static const auto kBefore = google::protobuf::SetLogHandler(nullptr);
  (void)kBefore;
  Message message;
  if (!message.ParseFromArray(input.data(), static_cast<int>(input.size()))) {
    TM_CHECK(whole.substr(0, 2) != "ok");
  }
}

void RunAppend(absl::string_view input) {
  RunRequest<v1::AppendRequest>(input, [](std::shared_ptr<rpc::RequestBytes> bytes) {
    return rpc::DecodeAppend(std::move(bytes), rpc::RpcLimits(), TestCatalog(), 3);
  });
}

std::vector<std::string> AppendSeeds() {
  v1::AppendRequest request;
  request.set_topic("hr");
  v1::Event& event = *request.add_events();
  event.set_id("1");
  event.set_type("employee.created");
  event.set_key("employee-1");
  event.set_data(std::string(200, 'd'));
  event.mutable_time()->set_seconds(1'700'000'000);
  (*event.mutable_attributes())["traceparent"] = "00-1";
  const std::string small = request.SerializeAsString();
  *request.add_events() = event;
  request.mutable_producer()->set_id("outbox");
  request.mutable_producer()->set_sequence(7);
  v1::Condition& condition = *request.add_conditions();
  condition.set_key("employee-1");
  condition.mutable_absent();
  return {small, request.SerializeAsString()};
}

void RunTransact(absl::string_view input) {
  RunRequest<v1::TransactRequest>(input, [](std::shared_ptr<rpc::RequestBytes> bytes) {
    return rpc::DecodeTransact(std::move(bytes), rpc::RpcLimits(), TestCatalog(), 3);
  });
}

std::vector<std::string> TransactSeeds() {
  v1::TransactRequest request;
  for (const char* topic : {"hr", "pay"}) {
    v1::TopicAppend& append = *request.add_appends();
    append.set_topic(topic);
    append.add_events()->set_type("t");
  }
  request.mutable_producer()->set_id("outbox");
  request.mutable_producer()->set_sequence(1);
  return {request.SerializeAsString()};
}

// A batch of these events, whole and under a filter, both ways: what is cut out is what is asked.
void RunCut(absl::string_view input) {
  storage::StoredBatch batch;
  batch.events = input;
  uint32_t count = 0;
  log::WireReader reader(input);
  log::WireField field;
  while (reader.Next(field)) ++count;
  if (count == 0) return;
  batch.header = {.count = count, .events_bytes = static_cast<uint32_t>(input.size())};
  for (const auto& spec : {storage::FilterSpec{}, storage::FilterSpec{.types = {"employee.*"}},
                           storage::FilterSpec{.types = {"t"}, .keys = {"k"}}}) {
    for (const bool without_data : {false, true}) {
      for (const log::Direction direction : {log::Direction::kForward, log::Direction::kBackward}) {
        const auto cut = log::CutBatch(batch, log::Filter(spec),
                                       {.from = Offset(0),
                                        .until = Offset(count),
                                        .without_data = without_data,
                                        .direction = direction});
        if (!cut.ok()) continue;
        TM_CHECK_LE(cut->count, count);
        uint64_t bytes = 0;
        for (const absl::string_view piece : cut->pieces) bytes += piece.size();
        TM_CHECK_EQ(bytes, cut->bytes);
      }
    }
  }
}

std::vector<std::string> CutSeeds() {
  return {EncodeEvents({{.id = "1", .key = "k", .data = "d"}, {.id = "2", .type = "t"}}),
          EncodeEvents(std::vector<TestEvent>(5, {.type = "t", .key = "k", .data = "data"}))};
}

void RunCursor(absl::string_view input) {
  const auto check = [](absl::string_view text) {
    const absl::StatusOr<delivery::Cursor> cursor = delivery::DecodeCursor(text);
    if (cursor.ok()) TM_CHECK(delivery::DecodeCursor(delivery::EncodeCursor(*cursor)).ok());
  };
  check(input);
}

std::vector<std::string> CursorSeeds() {
  return {delivery::EncodeCursor({.topic = TopicId(1)}),
          delivery::EncodeCursor({.topic = TopicId(1),
                                  .direction = log::Direction::kBackward,
                                  .places = {{PartitionIndex(0), Offset(5), Offset(1)},
                                             {PartitionIndex(3), Offset(1ull << 40), Offset(0)}}})};
}

void RunConfig(absl::string_view input) {
  const auto entries = config::ParseConfigFile(input);
  if (entries.ok()) {
    for (const config::ConfigFileEntry& entry : *entries) TM_CHECK(!entry.key.empty());
  }
  config::ParseBytes(input).IgnoreError();
  config::ParseDuration(input).IgnoreError();
  config::ParseCount(input).IgnoreError();
  config::ParseBool(input).IgnoreError();
  config::ParseEndpoint(input).IgnoreError();
}

std::vector<std::string> ConfigSeeds() {
  return {"data = \"/var/lib/tidemark\" # where\nqueue_bytes_max = \"64MiB\"\n\nx = 1_000\ny=true",
          "a = 'literal'\r\nb = \"\\u00e9\\t\"\n# only\n", "64MiB", "1h30m", "[::1]:7400"};
}

// A connection's bytes, of which the first is how they are cut: the guard says the same of pieces
// as of the whole, and gives back what it counted.
void RunFrames(absl::string_view input) {
  if (input.empty()) return;
  const size_t piece_bytes = static_cast<uint8_t>(input[0]) + 1;
  input.remove_prefix(1);
  const rpc::FrameLimits limits{.streams_max = 20, .unfinished_total_max = 30};
  constexpr int64_t kNow = 1'000'000'000'000;
  const auto look = [&](size_t step) {
    std::atomic<int64_t> unfinished{0};
    rpc::CallPressure pressure;
    pressure.SetBacklog([] { return rpc::CallPressure::Backlog{.calls = 5000, .connections = 1}; });
    rpc::Violation found = rpc::Violation::kNone;
    {
      rpc::StreamLimit limit(20, pressure);
      rpc::FrameGuard guard(limits, unfinished, &limit);
      for (size_t at = 0; at < input.size() && found == rpc::Violation::kNone; at += step) {
        const absl::string_view piece = input.substr(at, step);
        found = guard.Look(piece, kNow);
        const std::optional<size_t> ours = guard.TakeOurFrame();
        TM_CHECK(!ours.has_value() || *ours + rpc::FrameHead::kBytes <= piece.size());
        TM_CHECK(unfinished.load() >= 0 && unfinished.load() <= 31);
        limit.Sent(piece, kNow);
      }
      const std::string frame = limit.Announce();
      TM_CHECK(frame.empty() || frame.size() == 15);
    }
    TM_CHECK(unfinished.load() == 0);
    return found;
  };
  TM_CHECK(look(std::max<size_t>(input.size(), 1)) == look(piece_bytes));
}

std::vector<std::string> FramesSeeds() {
  const auto frame = [](rpc::FrameType type, char flags, char stream, const std::string& payload) {
    return std::string{
               0, 0,     static_cast<char>(payload.size()), static_cast<char>(type), flags, 0, 0,
               0, stream} +
           payload;
  };
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const std::string call = frame(rpc::FrameType::kHeaders, 4, 1, "headers") +
                           frame(rpc::FrameType::kData, 0, 1, "data") +
                           frame(rpc::FrameType::kData, 1, 1, "");
  return {"\x05" + preface + frame(rpc::FrameType::kSettings, 0, 0, "123456") +
              frame(rpc::FrameType::kSettings, 1, 0, "") + call,
          "\x0b" + preface + frame(rpc::FrameType::kHeaders, 0, 3, "h") +
              frame(rpc::FrameType::kContinuation, 4, 3, "more") +
              frame(rpc::FrameType::kReset, 0, 3, "code") + call +
              frame(rpc::FrameType::kWindowUpdate, 0, 0, "0000")};
}

}  // namespace

std::vector<FuzzTarget> RequestTargets() {
  return {{"append", RunAppend, AppendSeeds}, {"config", RunConfig, ConfigSeeds},
          {"cursor", RunCursor, CursorSeeds}, {"cut", RunCut, CutSeeds},
          {"frames", RunFrames, FramesSeeds}, {"transact", RunTransact, TransactSeeds}};
}

std::vector<FuzzTarget> FuzzTargets() {
  std::vector<FuzzTarget> all = RequestTargets();
  for (const FuzzTarget& target : StorageTargets()) all.push_back(target);
  return all;
}

}  // namespace tidemark::testing
