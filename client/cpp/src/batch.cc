#include "client/cpp/src/batch.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/src/crc32c.h"
#include "client/cpp/src/event_codec.h"
#include "client/cpp/src/wire.h"
#include "tidemark/stream.h"

namespace tidemark {
namespace internal {
namespace {

enum Field : uint32_t {
  kTopic = 1,
  kEvents = 2,
  kPartition = 3,
  kBaseOffset = 4,
  kAppendTime = 5,
  kPosition = 6,
  kOffsetDeltas = 7,
  kEventsCrc32c = 8,
  kDescending = 9,
};

absl::Status Malformed(const BatchData& batch, absl::string_view what) {
  return absl::DataLossError(absl::StrCat("a batch of topic '", batch.topic, "' partition ",
                                          batch.partition, " at offset ", batch.base_offset,
                                          " arrived damaged: ", what,
                                          "; read it again, and call for help if it stays so"));
}

bool AddPackedDeltas(absl::string_view packed, BatchData* batch) {
  WireReader reader(packed);
  while (!reader.done()) {
    uint64_t delta;
    if (!reader.Varint(&delta)) return false;
    batch->offset_deltas.push_back(delta);
  }
  return true;
}

// Passes one event; `tag_at` is where its tag begins.
bool AddEvent(const char* tag_at, WireReader* reader, uint32_t* crc, BatchData* batch) {
  absl::string_view event;
  if (!reader->Bytes(&event) || !IsWellFormedEvent(event)) return false;
  if (batch->first_event == nullptr) batch->first_event = tag_at;
  batch->events_end = reader->position();
  const auto size = static_cast<size_t>(batch->events_end - tag_at);
  *crc = ExtendCrc32c(*crc, absl::string_view(tag_at, size));
  batch->encoded_bytes += size;
  batch->payload_bytes += event.size();
  ++batch->events;
  return true;
}

bool AddScalar(uint32_t tag, WireReader* reader, BatchData* batch) {
  uint64_t value;
  if (!reader->Varint(&value)) return false;
  switch (tag) {
    case MakeTag(kPartition, kVarint):
      batch->partition = static_cast<uint32_t>(value);
      return true;
    case MakeTag(kBaseOffset, kVarint):
      batch->base_offset = value;
      return true;
    case MakeTag(kPosition, kVarint):
      batch->position = value;
      return true;
    case MakeTag(kOffsetDeltas, kVarint):
      batch->offset_deltas.push_back(value);
      return true;
    case MakeTag(kDescending, kVarint):
      batch->descending = value != 0;
      return true;
    default:
      return true;
  }
}

struct Checksum {
  uint32_t computed = 0;
  uint32_t announced = 0;
  bool present = false;
};

bool AddField(const char* tag_at, uint32_t tag, WireReader* reader, Checksum* checksum,
              BatchData* batch) {
  absl::string_view bytes;
  switch (tag) {
    case MakeTag(kEvents, kLengthDelimited):
      return AddEvent(tag_at, reader, &checksum->computed, batch);
    case MakeTag(kTopic, kLengthDelimited):
      return reader->Bytes(&batch->topic);
    case MakeTag(kAppendTime, kLengthDelimited):
      return reader->Bytes(&bytes) && DecodeTimestamp(bytes, &batch->append_time);
    case MakeTag(kOffsetDeltas, kLengthDelimited):
      return reader->Bytes(&bytes) && AddPackedDeltas(bytes, batch);
    case MakeTag(kEventsCrc32c, kFixed32):
      checksum->present = true;
      return reader->Fixed32(&checksum->announced);
    default:
      return (tag & 7) == kVarint ? AddScalar(tag, reader, batch) : reader->Skip(tag);
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<BatchData>> ParseBatch(const grpc::Slice& message,
                                                      absl::string_view encoded) {
  auto batch = std::make_shared<BatchData>();
  batch->message = message;
  // A small slice carries its bytes within itself, so views must point into the copy kept here.
  const auto* const from = reinterpret_cast<const char*>(message.begin());
  const auto* const kept = reinterpret_cast<const char*>(batch->message.begin());
  encoded = absl::string_view(kept + (encoded.data() - from), encoded.size());

  WireReader reader(encoded);
  Checksum checksum;
  while (!reader.done()) {
    const char* const tag_at = reader.position();
    uint32_t tag;
    if (!reader.Tag(&tag) || !AddField(tag_at, tag, &reader, &checksum, batch.get())) {
      return Malformed(*batch, "it is no encoded EventBatch");
    }
  }
  if (checksum.present && checksum.announced != checksum.computed) {
    return Malformed(*batch, absl::StrCat("its checksum is ", absl::Hex(checksum.computed),
                                          " instead of ", absl::Hex(checksum.announced)));
  }
  if (batch->events == 0) return Malformed(*batch, "it has no events");
  if (!batch->offset_deltas.empty() && batch->offset_deltas.size() != batch->events) {
    return Malformed(*batch, absl::StrCat("it has ", batch->events, " events and ",
                                          batch->offset_deltas.size(), " offsets"));
  }
  const uint64_t reach =
      batch->offset_deltas.empty() ? batch->events - 1 : batch->offset_deltas.back();
  if (batch->descending && reach > batch->base_offset) {
    return Malformed(*batch, absl::StrCat("its offsets fall by ", reach));
  }
  batch->verified = checksum.present;
  return batch;
}

absl::StatusOr<std::shared_ptr<BatchData>> ParseDelivery(const grpc::Slice& message,
                                                         absl::string_view encoded) {
  constexpr uint32_t kBatchTag = MakeTag(1, kLengthDelimited);
  constexpr uint32_t kAttemptsTag = MakeTag(2, kLengthDelimited);
  WireReader reader(encoded);
  absl::string_view batch_bytes;
  absl::string_view attempts;
  uint32_t tag;
  while (!reader.done() && reader.Tag(&tag)) {
    const bool read = tag == kBatchTag      ? reader.Bytes(&batch_bytes)
                      : tag == kAttemptsTag ? reader.Bytes(&attempts)
                                            : reader.Skip(tag);
    if (!read) break;
  }
  absl::StatusOr<std::shared_ptr<BatchData>> batch = ParseBatch(message, batch_bytes);
  if (!batch.ok()) return batch;
  WireReader numbers(attempts);
  uint64_t attempt;
  while (numbers.Varint(&attempt)) {
    (*batch)->attempts.push_back(static_cast<uint32_t>(attempt));
  }
  const size_t count = (*batch)->attempts.size();
  if (!numbers.done() || (count != 0 && count != (*batch)->events)) {
    return Malformed(**batch, absl::StrCat("it has ", (*batch)->events, " events and ", count,
                                           " numbers of attempts"));
  }
  return batch;
}

void TrimRead(uint64_t next, BatchData* batch) {
  const auto was_read = [next, batch](uint64_t offset) {
    return batch->descending ? offset >= next : offset < next;
  };
  while (batch->events > 0 && was_read(batch->OffsetAt(0))) {
    WireReader reader(absl::string_view(
        batch->first_event, static_cast<size_t>(batch->events_end - batch->first_event)));
    uint32_t tag = 0;
    while (tag != static_cast<unsigned char>(kEventsTag)) {
      reader.Tag(&tag);
      reader.Skip(tag);
    }
    batch->first_event = reader.position();
    ++batch->skipped;
    --batch->events;
  }
}

void TrimToSize(size_t events, BatchData* batch) {
  if (batch->events > events) batch->events = events;
}

}  // namespace internal

Batch::Batch() = default;
Batch::Batch(std::shared_ptr<const internal::BatchData> data) : data_(std::move(data)) {}
Batch::~Batch() = default;
Batch::Batch(Batch&&) noexcept = default;
Batch& Batch::operator=(Batch&&) noexcept = default;
Batch::Batch(const Batch&) = default;
Batch& Batch::operator=(const Batch&) = default;

size_t Batch::size() const { return data_ ? data_->events : 0; }
Batch::Iterator Batch::begin() const { return empty() ? Iterator() : Iterator(data_.get()); }
absl::string_view Batch::topic() const { return data_ ? data_->topic : absl::string_view(); }
uint32_t Batch::partition() const { return data_ ? data_->partition : 0; }
absl::Time Batch::append_time() const { return data_ ? data_->append_time : absl::Time(); }
uint64_t Batch::position() const { return data_ ? data_->position : 0; }
uint64_t Batch::first_offset() const { return empty() ? 0 : data_->OffsetAt(0); }
uint64_t Batch::last_offset() const { return empty() ? 0 : data_->OffsetAt(data_->events - 1); }
size_t Batch::encoded_bytes() const { return data_ ? data_->encoded_bytes : 0; }
bool Batch::verified() const { return data_ && data_->verified; }

Batch::Iterator::Iterator(const internal::BatchData* data)
    : data_(data), next_(data->first_event), left_(data->events) {
  current_.topic = data->topic;
  current_.partition = data->partition;
  current_.append_time = data->append_time;
  current_.position = data->position;
  Decode();
}

Batch::Iterator& Batch::Iterator::operator++() {
  --left_;
  ++index_;
  if (left_ > 0) Decode();
  return *this;
}

void Batch::Iterator::Decode() {
  internal::WireReader reader(
      absl::string_view(next_, static_cast<size_t>(data_->events_end - next_)));
  uint32_t tag = 0;
  absl::string_view encoded;
  while (reader.Tag(&tag) && tag != static_cast<unsigned char>(internal::kEventsTag)) {
    reader.Skip(tag);
  }
  reader.Bytes(&encoded);
  internal::DecodeEvent(encoded, &current_.event);
  current_.offset = data_->OffsetAt(index_);
  if (!data_->attempts.empty()) current_.attempt = data_->attempts[data_->skipped + index_];
  next_ = reader.position();
}

absl::string_view GapReasonName(GapReason reason) {
  switch (reason) {
    case GapReason::kRetention:
      return "RETENTION";
    case GapReason::kErased:
      return "ERASED";
    case GapReason::kCompacted:
      return "COMPACTED";
    case GapReason::kUnspecified:
      break;
  }
  return "UNSPECIFIED";
}

}  // namespace tidemark
