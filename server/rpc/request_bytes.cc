#include "server/rpc/request_bytes.h"

#include <algorithm>
#include <utility>

namespace tidemark::rpc {
namespace {

absl::string_view ViewOf(const grpc::Slice& slice) {
  return absl::string_view(reinterpret_cast<const char*>(slice.begin()), slice.size());
}

std::vector<grpc::Slice> TakeApart(grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> pieces;
  if (buffer.Valid() && !buffer.Dump(&pieces).ok()) pieces.clear();
  buffer.Clear();
  return pieces;
}

}  // namespace

RequestBytes::RequestBytes(grpc::ByteBuffer& buffer) : RequestBytes(TakeApart(buffer)) {}

RequestBytes::RequestBytes(std::vector<grpc::Slice> pieces) : pieces_(std::move(pieces)) {
  for (const grpc::Slice& piece : pieces_) size_ += piece.size();
}

std::shared_ptr<const std::string> RequestBytes::BufferOf(absl::string_view whole_field) const {
  const bool is_last = !large_.empty() && large_.back()->data() == whole_field.data();
  return is_last ? large_.back() : nullptr;
}

RequestReader::RequestReader(RequestBytes& request) : request_(request), left_(request.size()) {
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

std::string RequestReader::Peek(uint64_t bytes) const {
  std::string out;
  out.reserve(bytes);
  absl::string_view from = rest_;
  for (size_t piece = piece_; out.size() < bytes;) {
    from = from.substr(0, bytes - out.size());
    out.append(from.data(), from.size());
    if (++piece == request_.pieces_.size()) break;
    from = ViewOf(request_.pieces_[piece]);
  }
  return out;
}

bool RequestReader::Next(log::WireField& field) {
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
  const uint64_t size = log::WireFieldBytes(Peek(std::min(left_, log::kWireHeadBytesMax)));
  ok_ = size > 0 && size <= left_;
  if (!ok_) return false;
  const bool large = size > RequestBytes::kLargeBytes;
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

}  // namespace tidemark::rpc
