#include "client/cpp/src/read_loop.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cpp/src/connection.h"
#include "client/cpp/src/convert.h"
#include "client/cpp/src/status_codec.h"
#include "client/cpp/src/steady_time.h"
#include "client/cpp/src/wire.h"

namespace tidemark::internal {
namespace {

constexpr char kReadMethod[] = "/tidemark.v1.EventStore/Read";
constexpr char kSubscribeMethod[] = "/tidemark.v1.EventStore/Subscribe";
constexpr uint32_t kBatchTag = MakeTag(1, kLengthDelimited);  // ReadResponse.batch

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

ReadLoop::ReadLoop(const Client& client, absl::string_view topic, StreamOptions options,
                   bool endless)
    : client_(client),
      options_(std::move(options)),
      endless_(endless),
      plan_(std::string(topic), endless, &options_),
      backoff_(options_.backoff_min, options_.backoff_max),
      last_contact_(SteadyNow()) {
  if (endless && (!std::holds_alternative<Stop::EndAtOpen>(options_.stop.at) ||
                  options_.direction != Direction::kForward)) {
    Done(absl::InvalidArgumentError(
        "a Subscriber has no end and goes forward: leave out StreamOptions::stop and direction, or "
        "use a Reader"));
  }
}

std::optional<StreamItem> ReadLoop::Next() {
  while (!done_) {
    if (cancelled()) {
      Done(absl::CancelledError("reading was cancelled"));
    } else if (plan_.satisfied()) {
      Done(absl::OkStatus());
    } else if (stream_ == nullptr) {
      Connect();
    } else {
      switch (stream_->Wait(options_.silence_max)) {
        case RawStream::Signal::kStarted:
          stream_->WriteLast(MakeRequest());
          stream_->Read();
          break;
        case RawStream::Signal::kRead:
          if (auto item = OnMessage(stream_->TakeMessage())) return item;
          break;
        case RawStream::Signal::kEnded:
          OnEnd(client_.connection()->Annotate(stream_->status()));
          break;
        case RawStream::Signal::kTimeout:
          OnBroken(absl::UnavailableError(absl::StrCat(
              "the stream was silent for ", absl::FormatDuration(options_.silence_max))));
          break;
        case RawStream::Signal::kWake:
        case RawStream::Signal::kWritten:
          break;
      }
    }
  }
  return std::nullopt;
}

bool ReadLoop::Connect() {
  if (absl::Status status = plan_.Resolve(client_); !status.ok()) {
    OnEnd(status);
    return false;
  }
  ReplaceStream(std::make_unique<RawStream>(client_.connection()->channel(),
                                            endless_ ? kSubscribeMethod : kReadMethod));
  ++connections_;
  return true;
}

grpc::ByteBuffer ReadLoop::MakeRequest() const {
  return endless_ ? Serialize(plan_.MakeSubscribeRequest()) : Serialize(plan_.MakeReadRequest());
}

std::optional<StreamItem> ReadLoop::OnMessage(const grpc::Slice& message) {
  last_contact_ = SteadyNow();
  backoff_.Reset();
  const absl::string_view encoded(reinterpret_cast<const char*>(message.begin()), message.size());
  WireReader reader(encoded);
  uint32_t tag;
  absl::string_view batch;
  if (reader.Tag(&tag) && tag == kBatchTag && reader.Bytes(&batch)) return OnBatch(message, batch);
  return OnNote(encoded);
}

std::optional<StreamItem> ReadLoop::OnBatch(const grpc::Slice& message, absl::string_view encoded) {
  absl::StatusOr<std::shared_ptr<BatchData>> batch = ParseBatch(message, encoded);
  if (!batch.ok()) {
    Done(batch.status());
    return std::nullopt;
  }
  stream_->Read();  // The next one travels while this one is handled.
  if (!plan_.Accept(batch->get())) return std::nullopt;
  return Batch(*std::move(batch));
}

std::optional<StreamItem> ReadLoop::OnNote(absl::string_view encoded) {
  stream_->Read();
  v1::ReadResponse note;
  if (!note.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    Done(absl::DataLossError("the server sent bytes that are no ReadResponse"));
    return std::nullopt;
  }
  switch (note.message_case()) {
    case v1::ReadResponse::kCaughtUp:
      plan_.SetCursor(note.caught_up().cursor());
      return CaughtUp{note.caught_up().cursor()};
    case v1::ReadResponse::kFellBehind:
      return FellBehind{};
    case v1::ReadResponse::kCheckpoint:
      plan_.SetCursor(note.checkpoint().cursor());
      return Checkpoint{note.checkpoint().cursor()};
    case v1::ReadResponse::kGap: {
      std::optional<Gap> gap = plan_.Accept(FromProto(note.gap()));
      if (!gap) return std::nullopt;
      gap_events_ += gap->until_offset - gap->from_offset;
      return *std::move(gap);
    }
    case v1::ReadResponse::kDraining:  // The stream ends soon by itself.
      plan_.SetCursor(note.draining().cursor());
      return std::nullopt;
    default:  // A heartbeat, or something newer than this library.
      return std::nullopt;
  }
}

void ReadLoop::OnEnd(const absl::Status& status) {
  if (status.ok() && !endless_) {
    Done(status);
  } else if (status.ok()) {
    OnBroken(absl::UnavailableError("the server ended the stream"));
  } else if (IsBrokenConnection(status) || IsOverload(status)) {
    OnBroken(status);
  } else {
    Done(status);
  }
}

void ReadLoop::OnBroken(const absl::Status& cause) {
  ReplaceStream(nullptr);
  if (SteadyNow() - last_contact_ > options_.give_up_after) {
    Done(cause);
    return;
  }
  const absl::Duration pause = std::max(backoff_.Next(), RetryDelayOf(cause));
  if (options_.on_reconnect) options_.on_reconnect(cause, pause);
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(&cancelled_), pause);
}

void ReadLoop::Done(const absl::Status& status) {
  ReplaceStream(nullptr);
  done_ = true;
  status_ = status;
}

void ReadLoop::ReplaceStream(std::unique_ptr<RawStream> stream) {
  {
    absl::MutexLock lock(&mu_);
    stream_.swap(stream);
  }
  // The old stream ends here, outside the lock.
}

bool ReadLoop::cancelled() {
  absl::MutexLock lock(&mu_);
  return cancelled_;
}

void ReadLoop::Cancel() {
  absl::MutexLock lock(&mu_);
  cancelled_ = true;
  if (stream_ != nullptr) stream_->Wake();
}

std::map<uint32_t, uint64_t> ReadLoop::next_offsets() const {
  std::map<uint32_t, uint64_t> next = plan_.next();
  if (at_ != batch_.end()) next[at_->partition] = at_->offset + (plan_.backward() ? 0 : 1);
  return next;
}

const ReceivedEvent* ReadLoop::NextEvent() {
  if (at_ != batch_.end()) ++at_;
  while (at_ == batch_.end()) {
    if (!NextBatch()) return nullptr;
    at_ = batch_.begin();
  }
  return &*at_;
}

bool ReadLoop::NextBatch() {
  while (std::optional<StreamItem> item = Next()) {
    if (auto* batch = std::get_if<Batch>(&*item)) {
      batch_ = std::move(*batch);
      return true;
    }
    if (const auto* gap = std::get_if<Gap>(&*item)) {
      if (options_.on_gap) options_.on_gap(*gap);
    } else if (const auto* caught_up = std::get_if<CaughtUp>(&*item)) {
      if (options_.on_caught_up) options_.on_caught_up(*caught_up);
    } else if (const auto* checkpoint = std::get_if<Checkpoint>(&*item)) {
      if (options_.on_checkpoint) options_.on_checkpoint(*checkpoint);
    } else if (options_.on_fell_behind) {
      options_.on_fell_behind();
    }
  }
  return false;
}

}  // namespace tidemark::internal
