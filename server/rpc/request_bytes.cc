#include "server/rpc/request_bytes.h"

#include <algorithm>
#include <utility>

#include "server/base/crc32c.h"
#include "server/log/event_scan.h"

namespace tidemark::rpc {
namespace {

absl::string_view ViewOf(const grpc::Slice& slice) {
  return absl::string_view(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

constexpr char TagOf(uint32_t number) {
  return static_cast<char>(number << 3 | static_cast<uint32_t>(log::WireType::kBytes));
}
constexpr char kEventsTag = TagOf(log::kEventsField);
constexpr char kDataTag = TagOf(log::kEventDataField);

// Of the varint that `bytes` begins with.
uint64_t VarintBytes(absl::string_view bytes) {
  uint64_t size = 1;
  while (static_cast<uint8_t>(bytes[size - 1]) >= 0x80) ++size;
  return size;
}

}  // namespace

RequestBytes::RequestBytes(grpc::ByteBuffer& buffer) {
  buffer_.Swap(&buffer);
  if (buffer_.Valid() && !buffer_.Dump(&pieces_).ok()) pieces_.clear();
  for (const grpc::Slice& piece : pieces_) size_ += piece.size();
}

RequestBytes::RequestBytes(std::vector<grpc::Slice> pieces) : pieces_(std::move(pieces)) {
  for (const grpc::Slice& piece : pieces_) size_ += piece.size();
}

std::shared_ptr<const std::string> RequestBytes::BufferOf(absl::string_view whole_field) const {
  const bool is_last = !large_.empty() && large_.back()->data() == whole_field.data();
  return is_last ? large_.back() : nullptr;
}

RequestReader::RequestReader(RequestBytes& request, Across across)
    : request_(request), across_(across), left_(request.size()) {
  if (!request_.pieces_.empty()) rest_ = ViewOf(request_.pieces_.front());
  Advance(0);
}

void RequestReader::Advance(uint64_t bytes) {
  left_ -= bytes;
  while (bytes >= rest_.size() && piece_ + 1 < request_.pieces_.size()) {
    bytes -= rest_.size();
    rest_ = ViewOf(request_.pieces_[++piece_]);
  }
  rest_.remove_prefix(bytes);
}

template <typename Visit>
void RequestReader::ForEachPiece(uint64_t bytes, Visit visit) const {
  absl::string_view from = rest_;
  for (size_t piece = piece_; bytes > 0;) {
    from = from.substr(0, bytes);
    bytes -= from.size();
    if (!from.empty()) visit(from);
    if (++piece == request_.pieces_.size()) break;
    from = ViewOf(request_.pieces_[piece]);
  }
}

std::string RequestReader::Peek(uint64_t bytes) const {
  std::string out;
  out.reserve(bytes);
  ForEachPiece(bytes, [&](absl::string_view piece) { out.append(piece.data(), piece.size()); });
  return out;
}

bool RequestReader::Next(log::WireField& field) {
  cut_ = nullptr;
  if (!ok_ || left_ == 0) return false;
  log::WireReader reader(rest_);
  if (reader.Next(field)) {
    Advance(field.whole.size());
    return true;
  }
  // Cut at the piece's end, or malformed: more bytes tell.
  return NextAcross(field);
}

bool RequestReader::NextAcross(log::WireField& field) {
  const std::string head = Peek(std::min(left_, log::kWireHeadBytesMax));
  const uint64_t size = log::WireFieldBytes(head);
  ok_ = size > 0 && size <= left_;
  if (!ok_) return false;
  const bool large = size > RequestBytes::kLargeBytes;
  if (!large && across_ == Across::kCutEvents && head.front() == kEventsTag) {
    NextCut(size, 1 + VarintBytes(absl::string_view(head).substr(1)), field);
    return true;
  }
  if (large) {
    request_.large_.push_back(std::make_shared<const std::string>(Peek(size)));
  } else {
    request_.joined_.push_back(Peek(size));
  }
  log::WireReader reader(large ? *request_.large_.back() : request_.joined_.back());
  ok_ = reader.Next(field);
  if (ok_) Advance(size);
  return ok_;
}

void RequestReader::NextCut(uint64_t bytes, uint64_t head_bytes, log::WireField& field) {
  CutEvent& cut = request_.cut_.emplace_back();
  cut.bytes = bytes;
  ForEachPiece(bytes, [&](absl::string_view piece) { cut.pieces.push_back(piece); });
  Advance(head_bytes);
  for (uint64_t left = bytes - head_bytes; left > 0;) {
    const std::string head = Peek(std::min(left, log::kWireHeadBytesMax));
    uint64_t size = log::WireFieldBytes(head);
    const bool malformed = size == 0 || size > left;
    if (malformed) size = left;  // Whoever looks at the event finds out.
    if (!malformed && head.front() == kDataTag) {
      uint32_t crc = 0;
      ForEachPiece(size, [&](absl::string_view piece) { crc = base::ExtendCrc32c(crc, piece); });
      cut.data_bytes += size;
      cut.data_sum += crc;
    } else {
      ForEachPiece(size, [&](absl::string_view piece) {
        cut.without_data.append(piece.data(), piece.size());
      });
    }
    Advance(size);
    left -= size;
  }
  field = {.number = log::kEventsField,
           .type = log::WireType::kBytes,
           .number_value = 0,
           .bytes = cut.without_data,
           .whole = {}};
  cut_ = &cut;
}

}  // namespace tidemark::rpc
