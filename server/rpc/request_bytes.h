// RequestBytes: a request as it arrived, in the pieces gRPC received, and a reader over its fields.
//
// Why.      gRPC cuts a large message into frames. Putting them together would copy every byte once
//           more than the log does.
// How.      A field that lies in one piece is given out where it is. Of those that lie across
// pieces a
//           small event is given out as it lies, with a copy of all but its data to look at; a
//           large one is copied together into a buffer of its own, which the log takes over as a
//           batch instead of copying it again. So each payload byte is copied once on its way to
//           the log. All other fields across pieces are copied together.
// Threads.  One reader at a time; what it gave out may be read by all.
// Lifetime. What the reader gives out lives as long as the RequestBytes.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/log/wire.h"

namespace tidemark::rpc {

// A small event that lies across pieces.
struct CutEvent {
  std::vector<absl::string_view> pieces;  // Of the entry, with tag and length; none is empty.
  uint64_t bytes = 0;                     // Of all pieces.
  std::string without_data;               // The event without its data fields.
  uint64_t data_bytes = 0;                // Of the data fields, with tags and lengths.
  uint64_t data_sum = 0;                  // Of the CRC-32Cs of the data fields.
};

class RequestBytes {
 public:
  // Takes the pieces over; `buffer` is empty afterwards. A buffer that gRPC cannot take apart is
  // an empty request.
  explicit RequestBytes(grpc::ByteBuffer& buffer);
  explicit RequestBytes(std::vector<grpc::Slice> pieces);

  uint64_t size() const { return size_; }

  // The buffer that holds just the field read last, if it was copied together and is large.
  std::shared_ptr<const std::string> BufferOf(absl::string_view whole_field) const;
  // Larger is "large": beside this what a batch of its own costs is nothing.
  static constexpr uint64_t kLargeBytes = 4 << 10;

 private:
  friend class RequestReader;

  // Goes after the pieces, so that what gRPC received is given back by the buffer: a slice that is
  // the last reference gives it back without gRPC's execution context, which its resource quota
  // needs, and the process ends. (What is destroyed last is declared first.)
  grpc::ByteBuffer buffer_;
  std::vector<grpc::Slice> pieces_;
  uint64_t size_ = 0;
  // Fields that lie across pieces; the large ones in the order of their giving out.
  std::deque<std::string> joined_;
  std::deque<CutEvent> cut_;
  std::vector<std::shared_ptr<const std::string>> large_;
};

// Walks the fields of a request as log::WireReader does.
class RequestReader {
 public:
  // kCutEvents: the request is an AppendRequest, and small events across pieces are given out as
  // they lie (cut()).
  enum class Across { kJoin, kCutEvents };
  explicit RequestReader(RequestBytes& request, Across across = Across::kJoin);
  // False at the end, and where the request is malformed.
  bool Next(log::WireField& field);
  bool ok() const { return ok_; }
  // The field read last, if it is a small event across pieces: then its `bytes` are without data
  // and `whole` is empty.
  const CutEvent* cut() const { return cut_; }

 private:
  // Moves on, over empty pieces too.
  void Advance(uint64_t bytes);
  // A copy of the next bytes, fewer at the request's end.
  std::string Peek(uint64_t bytes) const;
  // visit(view) for the pieces of the next bytes, which are there.
  template <typename Visit>
  void ForEachPiece(uint64_t bytes, Visit visit) const;
  bool NextAcross(log::WireField& field);
  // The next `bytes` are an event entry, whose tag and length are the first `head_bytes`.
  void NextCut(uint64_t bytes, uint64_t head_bytes, log::WireField& field);

  RequestBytes& request_;
  const Across across_;
  size_t piece_ = 0;
  absl::string_view rest_;  // Of the piece.
  uint64_t left_;           // Of the request.
  const CutEvent* cut_ = nullptr;
  bool ok_ = true;
};

}  // namespace tidemark::rpc
