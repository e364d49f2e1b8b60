// What is read from the disk.
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/storage/batch_codec.h"
#include "server/storage/coding.h"
#include "server/storage/key_schema.h"
#include "server/storage/log_runs.h"
#include "server/storage/record_codec.h"
#include "server/storage/terms.h"
#include "server/storage/wal_scan.h"
#include "server/storage/work_rows.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/events.h"

namespace tidemark::testing {
namespace {

using storage::LogRun;
using storage::Posting;

// What is accepted is, encoded again, accepted as the same.
template <typename Decode, typename Encode>
void RoundTrip(absl::string_view input, Decode decode, Encode encode) {
  const auto decoded = decode(input);
  if (!decoded.ok()) return;
  const std::string encoded = encode(*decoded);
  const auto again = decode(encoded);
  TM_CHECK(again.ok());
  TM_CHECK(encode(*again) == encoded);
}

// A stored batch whose checksums are right, whatever else is in it.
void RunBatch(absl::string_view input) {
  storage::BatchHeader header;
  absl::string_view events;
  // As it is: nearly always refused.
  const absl::Status as_it_is = storage::DecodeBatch(LogId(1), Offset(0), input, header, events);
  if (as_it_is.ok()) TM_CHECK_EQ(header.events_bytes, events.size());
  if (input.size() < storage::kBatchHeaderBytes) return;
  std::string mended(input);
  const auto put32 = [&mended](size_t at, uint32_t value) {
    std::string bytes;
    storage::AppendLittle32(bytes, value);
    mended.replace(at, 4, bytes);
  };
  put32(8, base::Crc32c(input.substr(storage::kBatchHeaderBytes)));
  put32(4, base::Crc32c(absl::string_view(mended).substr(8, storage::kBatchHeaderBytes - 8)));
  if (storage::DecodeBatch(LogId(1), Offset(0), mended, header, events).ok()) {
    TM_CHECK_EQ(header.log.value(), 1u);
    TM_CHECK_EQ(header.events_bytes, events.size());
    TM_CHECK_GE(header.count, 1u);
  }
}

std::vector<std::string> BatchSeeds() {
  std::vector<std::string> seeds;
  for (const int count : {1, 5}) {
    const std::string events = EncodeEvents(std::vector<TestEvent>(count, {.id = "e", .key = "k"}));
    seeds.push_back(
        storage::EncodeBatchHeader({.log = LogId(1),
                                    .count = static_cast<uint32_t>(count),
                                    .append_time_us = 1'700'000'000'000'000,
                                    .position = Position(7),
                                    .events_bytes = static_cast<uint32_t>(events.size()),
                                    .events_crc32c = base::Crc32c(events)}) +
        events);
  }
  return seeds;
}

void RunKeys(absl::string_view input) {
  storage::GroupRowKeyParts row;
  storage::ParseGroupRowKey(input, row);
  storage::GroupId group;
  storage::ParseDeadLetterMarkKey(input, group);
  for (const storage::TermKind kind : {storage::TermKind::kKey, storage::TermKind::kType}) {
    storage::TermKeyParts term;
    if (!storage::ParseTermKey(input, LogId(1), kind, term)) continue;
    TM_CHECK(storage::TermKey(LogId(1), kind, term.term, term.until) == input);
  }
  storage::IndexRow index;
  if (storage::DecodeIndexRow(input, index)) storage::EncodeIndexRow(index);
}

std::vector<std::string> KeySeeds() {
  return {storage::TermKey(LogId(1), storage::TermKind::kKey, "employee-1", Offset(512)),
          storage::TermKey(LogId(1), storage::TermKind::kType, "employee.created", Offset(1)),
          storage::DeadLetterKey(storage::GroupId(1), LogId(2), Offset(3)),
          storage::WorkBlockKey(storage::GroupId(1), LogId(2), 3),
          storage::DeadLetterMarkKey(LogId(1), storage::GroupId(2)),
          storage::EncodeIndexRow({.count = 3, .events_bytes = 10})};
}

void RunRecords(absl::string_view input) {
  RoundTrip(input, storage::DecodeStoreRecord, storage::EncodeStoreRecord);
  RoundTrip(input, storage::DecodeTopicRecord, storage::EncodeTopicRecord);
  RoundTrip(input, storage::DecodeGroupRecord, storage::EncodeGroupRecord);
  RoundTrip(input, storage::DecodeProducerRecord, storage::EncodeProducerRecord);
  RoundTrip(input, storage::DecodeCommitMark, storage::EncodeCommitMark);
  RoundTrip(input, storage::DecodeLogStart, storage::EncodeLogStart);
}

std::vector<std::string> RecordSeeds() {
  return {storage::EncodeStoreRecord({.store_id = "abc"}),
          storage::EncodeTopicRecord({.id = TopicId(1), .name = "hr", .first_log = LogId(1)}),
          storage::EncodeGroupRecord({.id = storage::GroupId(1),
                                      .name = "payroll",
                                      .topics = {"hr", "pay*"},
                                      .filter = {.types = {"a.*"}, .keys = {"k"}},
                                      .mode = storage::GroupMode::kKeyOrdered}),
          storage::EncodeProducerRecord(
              {.topic = TopicId(1),
               .ranges = {{.partition = PartitionIndex(1), .first = Offset(2), .count = 3}},
               .revisions = {{.topic = TopicId(1), .key = "k", .revision = 4}}}),
          storage::EncodeCommitMark({.position = Position(9)}),
          storage::EncodeLogStart({.start = Offset(1), .end = Offset(5)})};
}

// Work blocks and dead letters, with the right checksum in front.
void RunWorkRows(absl::string_view input) {
  std::string row = "\x01";
  storage::AppendLittle32(row, base::Crc32c(input));
  absl::StrAppend(&row, input);
  RoundTrip(row, storage::DecodeWorkBlock, storage::EncodeWorkBlock);
  RoundTrip(row, storage::DecodeDeadLetter, storage::EncodeDeadLetter);
  RoundTrip(input, storage::DecodeWorkBlock, storage::EncodeWorkBlock);
}

std::vector<std::string> WorkRowSeeds() {
  std::vector<std::string> seeds = {
      storage::EncodeWorkBlock({.done = {{1, 2}, {5, 500}}}),
      storage::EncodeWorkBlock({.done = {{0, 3}}, .tried = {{4, 5, 3, 1000, 2000}}}),
      storage::EncodeDeadLetter({.attempts = 3,
                                 .reason = "no",
                                 .last_client = "c",
                                 .type = "t",
                                 .key = "k",
                                 .redrive = storage::DeadLetter::Redrive{.due_us = 1},
                                 .event = "event"})};
  for (std::string& seed : seeds) seed.erase(0, 5);
  return seeds;
}

void RunTerms(absl::string_view input) {
  const Offset until(1000);
  Posting posting;
  std::string again;
  storage::PostingWriter writer(again, until);
  storage::PostingReader reader(input, until);
  Offset last(0);
  while (reader.Next(posting)) {
    TM_CHECK(posting.first <= posting.last && posting.last < until);
    TM_CHECK(last <= posting.first);
    last = posting.last;
    writer.Add(posting.first, posting.last);
  }
  absl::string_view row = input;
  storage::TypeSummary summary;
  if (storage::TakeTypeSummary(row, summary)) {
    storage::PostingReader counted(row, until, &summary);
    uint64_t count = 0;
    while (counted.Next(posting)) count += posting.count;
    if (counted.ok()) TM_CHECK_EQ(count, summary.count);
  }
  storage::KeyTotal total;
  if (storage::DecodeKeyTotal(input, total)) storage::Sum(total, total);
}

std::vector<std::string> TermSeeds() {
  std::string keys;
  storage::PostingWriter key_writer(keys, Offset(1000));
  key_writer.Add(Offset(3), Offset(7));
  key_writer.Add(Offset(500), Offset(900));
  std::string types;
  storage::AppendTypeSummary(types, {.count = 5, .first_time_us = 10, .last_time_us = 20});
  storage::PostingWriter type_writer(types, Offset(1000));
  type_writer.Add(Offset(1), Offset(3), 2);
  type_writer.Add(Offset(10), Offset(30), 3);
  return {keys, types,
          storage::EncodeKeyTotal({.count = 3, .first = Offset(1), .last = Offset(100)})};
}

void RunFileRuns(absl::string_view input) {
  const std::optional<std::vector<LogRun>> runs = storage::DecodeRuns(input);
  if (!runs.has_value()) return;
  const std::string encoded = storage::EncodeRuns(*runs);
  TM_CHECK(storage::DecodeRuns(encoded) == runs);
}

std::vector<std::string> FileRunSeeds() {
  return {storage::EncodeRuns({}),
          storage::EncodeRuns({{LogId(1), Offset(2), Offset(300), 4000}, {LogId(2), {}, {}, 1}})};
}

void RunWal(absl::string_view input) {
  for (const bool is_last : {false, true}) {
    storage::ScanWalBlock("1.log", 0, input.substr(0, 32768), is_last).IgnoreError();
  }
}

// Records as RocksDB writes them: masked CRC-32C of type and payload, length u16, type, payload.
std::vector<std::string> WalSeeds() {
  std::string log;
  for (const size_t bytes : {size_t{0}, size_t{20}, size_t{300}}) {
    const std::string typed = "\x01" + std::string(bytes, 'p');
    const uint32_t crc = base::Crc32c(typed);
    storage::AppendLittle32(log, ((crc >> 15) | (crc << 17)) + 0xa282ead8u);
    log.push_back(static_cast<char>(bytes & 0xff));
    log.push_back(static_cast<char>(bytes >> 8));
    log.append(typed);
  }
  return {log, log.substr(0, log.size() - 10), log + std::string(100, '\0')};
}

}  // namespace

std::vector<FuzzTarget> StorageTargets() {
  return {{"batch", RunBatch, BatchSeeds},
          {"file_runs", RunFileRuns, FileRunSeeds},
          {"keys", RunKeys, KeySeeds},
          {"records", RunRecords, RecordSeeds},
          {"terms", RunTerms, TermSeeds},
          {"wal", RunWal, WalSeeds},
          {"work_rows", RunWorkRows, WorkRowSeeds}};
}

}  // namespace tidemark::testing
