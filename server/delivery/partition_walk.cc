#include "server/delivery/partition_walk.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/check.h"
#include "server/base/error.h"

namespace tidemark::delivery {
namespace {

using ReadState = log::PartitionRead::State;

// So few events are cut at once: asking the index costs as much.
constexpr uint64_t kUnsearchedEventsMax = 256;
constexpr uint64_t kFirstPageBytes = 64 << 10;
// A question to the index or for spans, as bytes read.
constexpr uint64_t kSearchEffortBytes = 64 << 10;
constexpr uint64_t kSpansEffortBytes = 16 << 10;

}  // namespace

PartitionWalk::PartitionWalk(const WalkContext& context, FeedPartition partition)
    : context_(context),
      course_(context.direction),
      at_(std::move(partition)),
      page_bytes_(std::min(kFirstPageBytes, context.batch_bytes_max)),
      searched_(at_.next) {}

// Names the partition in an error that arose below, where only logs are known.
absl::Status PartitionWalk::At(const absl::Status& status) const {
  if (!absl::IsDataLoss(status)) return status;
  const std::string partition = std::to_string(at_.index.value());
  const Offset offset = course_.forward() ? at_.next : Offset(at_.next.value() - 1);
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("topic \"", at_.topic->name(), "\" partition ", partition, ": ",
                                status.message()),
                   {.reason = "CORRUPT_BATCH",
                    .metadata = {{"topic", at_.topic->name()},
                                 {"partition", partition},
                                 {"offset", std::to_string(offset.value())}}});
}

void PartitionWalk::Forget() {
  page_.Clear();
  spans_.Clear();
  candidates_.Clear();
  searched_ = at_.next;
}

bool PartitionWalk::PassGap(Offset start) {
  const Offset before = at_.next;
  if (course_.forward()) {
    if (at_.next >= start) return false;
    at_.next = std::min(start, at_.until);
  } else {
    if (at_.next > start) return false;
    at_.next = at_.until;
  }
  gap_ = course_.Range(before, at_.next);
  Forget();
  return true;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::Look(log::MayWait may_wait, Effort& effort) {
  if (has_page()) return State::kFront;
  if (finished()) return State::kFinished;
  if (at_.partition->deleted()) return State::kDeleted;
  const log::Partition::Ends ends = at_.partition->ends();
  if (PassGap(ends.start)) return State::kGap;
  const OffsetRange left =
      course_.Range(at_.next, course_.forward() ? std::min(at_.until, ends.end)
                                                : std::max(at_.until, ends.start));
  if (left.empty()) return State::kAtEnd;
  if (context_.filter.matches_all()) {
    stretch_ = left;
  } else {
    absl::StatusOr<State> found = FindStretch(left, may_wait, effort);
    if (!found.ok() || *found != State::kFront) return found;
  }
  return uses_spans() ? FindSpans(may_wait, effort) : State::kFront;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::FindStretch(const OffsetRange& left,
                                                                log::MayWait may_wait,
                                                                Effort& effort) {
  while (!candidates_.empty()) {
    const OffsetRange& candidate = candidates_.front();
    if (course_.IsAhead(course_.Far(candidate), at_.next)) {
      at_.next = course_.Farther(at_.next, course_.Near(candidate));
      stretch_ = course_.Range(at_.next, course_.Nearer(course_.Far(candidate), course_.Far(left)));
      return stretch_.empty() ? State::kPassed : State::kFront;
    }
    candidates_.PopFront();
  }
  if (course_.IsAhead(searched_, at_.next)) {
    at_.next = searched_;
    spans_.Clear();
    return State::kPassed;
  }
  searched_ = at_.next;
  if (left.size() <= kUnsearchedEventsMax) {
    stretch_ = left;
    return State::kFront;
  }
  if (may_wait == log::MayWait::kNo) return State::kNeedsStore;
  effort.bytes += kSearchEffortBytes;
  absl::StatusOr<log::IndexWindow> window =
      context_.index.Find(*at_.partition, context_.filter, left.from, left.until,
                          context_.direction, context_.rows_max);
  // Retention or deletion may have taken what was looked at meanwhile; then the answer, whatever it
  // is, is outdated.
  if (at_.partition->deleted() || at_.partition->ends().start > left.from) return State::kPassed;
  if (!window.ok()) return At(window.status());
  TM_CHECK(course_.IsAhead(window->reached, at_.next));
  searched_ = window->reached;
  std::vector<OffsetRange> candidates;
  for (const log::IndexWindow::Candidate& found : window->candidates) {
    const OffsetRange candidate{found.from, found.until};
    // Neighbours are read together.
    if (!candidates.empty() && course_.Far(candidates.back()) == course_.Near(candidate)) {
      candidates.back() = course_.Range(course_.Near(candidates.back()), course_.Far(candidate));
    } else {
      candidates.push_back(candidate);
    }
  }
  candidates_.Assign(std::move(candidates));
  return State::kPassed;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::FindSpans(log::MayWait may_wait,
                                                              Effort& effort) {
  while (!spans_.empty()) {
    const OffsetRange front{spans_.front().base_offset, spans_.front().end_offset()};
    if (course_.IsAhead(course_.Far(front), at_.next)) {
      // One that begins beyond `next` is of a later stretch.
      if (!course_.IsAhead(course_.Near(front), at_.next)) return State::kFront;
      spans_.Clear();
      break;
    }
    spans_.PopFront();
  }
  absl::StatusOr<log::SpanRead> read =
      context_.reader.Spans(*at_.partition, stretch_.from, stretch_.until, context_.direction,
                            context_.rows_max, may_wait);
  if (!read.ok()) return At(read.status());
  if (read->state == ReadState::kNeedsStore) return State::kNeedsStore;
  if (read->state != ReadState::kBatches) return State::kPassed;
  if (!read->from_tail) effort.bytes += kSpansEffortBytes;
  spans_.Assign(std::move(read->spans));
  return State::kFront;
}

Position PartitionWalk::position() const {
  return has_page() ? page_.front()->header.position : spans_.front().position;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::Load(Position turn_ends, uint64_t slack_bytes,
                                                         log::MayWait may_wait, Effort& effort) {
  if (has_page() && page_erasures_ != at_.partition->erasures()) {
    Forget();
    return State::kPassed;
  }
  if (has_page()) return State::kFront;
  if (!uses_spans()) return ReadPage(stretch_, page_bytes_, may_wait, effort);
  const size_t count = CountSpans(turn_ends, slack_bytes);
  absl::StatusOr<State> read = ReadSpans(count, may_wait, effort);
  // A batch behind the front may be damaged: what is before it can be read.
  if (!read.ok() && count > 1) return ReadSpans(1, may_wait, effort);
  return read;
}

size_t PartitionWalk::CountSpans(Position turn_ends, uint64_t slack_bytes) const {
  uint64_t bytes = spans_.front().bytes;
  size_t count = 1;
  for (; count < spans_.size(); ++count) {
    const log::BatchSpan& span = spans_[count];
    bytes += span.bytes;
    const bool in_turn =
        course_.forward() ? span.position <= turn_ends : span.position >= turn_ends;
    if (bytes > (in_turn ? page_bytes_ : slack_bytes)) break;
  }
  return count;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::ReadSpans(size_t count, log::MayWait may_wait,
                                                              Effort& effort) {
  const log::BatchSpan front = spans_.front();
  const log::BatchSpan& last = spans_[count - 1];
  const Offset far =
      course_.Nearer(course_.Far({last.base_offset, last.end_offset()}), course_.Far(stretch_));
  absl::StatusOr<State> read = ReadPage(course_.Range(at_.next, far), UINT64_MAX, may_wait, effort);
  if (!read.ok() || *read != State::kFront) return read;
  if (page_.front()->header.base_offset != front.base_offset) {
    page_.Clear();
    return At(absl::DataLossError(absl::StrCat("the batch at offset ", front.base_offset.value(),
                                               " of log ", at_.partition->log().value(),
                                               " cannot be read")));
  }
  for (size_t i = page_.size(); i > 0 && !spans_.empty(); --i) spans_.PopFront();
  return State::kFront;
}

absl::StatusOr<PartitionWalk::State> PartitionWalk::ReadPage(const OffsetRange& range,
                                                             uint64_t bytes_max,
                                                             log::MayWait may_wait,
                                                             Effort& effort) {
  page_erasures_ = at_.partition->erasures();  // Before the bytes.
  absl::StatusOr<log::PartitionRead> read =
      context_.reader.Read(*at_.partition, range.from, range.until, bytes_max, may_wait);
  if (!read.ok()) return At(read.status());
  if (read->state == ReadState::kNeedsStore) return State::kNeedsStore;
  if (read->state != ReadState::kBatches) {
    Forget();
    return State::kPassed;
  }
  if (!course_.forward()) std::reverse(read->batches.begin(), read->batches.end());
  page_.Assign(std::move(read->batches));
  front_map_ = {};
  page_from_tail_ = read->from_tail;
  page_bytes_ = std::min(2 * page_bytes_, context_.batch_bytes_max);
  if (!page_from_tail_) effort.bytes += kSpansEffortBytes;
  return State::kFront;
}

absl::StatusOr<log::EventSlice> PartitionWalk::Cut(const FeedLimits& limits) {
  const bool filtered = !context_.filter.matches_all();
  const OffsetRange left = course_.Range(
      at_.next, filtered ? course_.Nearer(course_.Far(stretch_), at_.until) : at_.until);
  absl::StatusOr<log::EventSlice> slice =
      log::CutBatch(*page_.front(), context_.filter,
                    {.from = left.from,
                     .until = left.until,
                     .bytes_max = std::min(limits.bytes_max, context_.batch_bytes_max),
                     .events_max = limits.events_max,
                     .without_data = context_.without_data,
                     .direction = context_.direction},
                    front_map_);
  if (!slice.ok()) return At(slice.status());
  at_.next = slice->next;
  if (filtered && !course_.IsAhead(course_.Far(stretch_), at_.next)) PassStretch();
  slice->next = at_.next;
  while (has_page()) {
    const OffsetRange whole{page_.front()->header.base_offset, page_.front()->header.end_offset()};
    if (course_.IsAhead(course_.Far(whole), at_.next)) break;
    page_.PopFront();
    front_map_ = {};
  }
  if (finished()) page_.Clear();
  return slice;
}

void PartitionWalk::PassStretch() {
  while (!candidates_.empty()) {
    const OffsetRange& candidate = candidates_.front();
    const Offset far = course_.Nearer(course_.Far(candidate), at_.until);
    if (course_.IsAhead(far, at_.next)) {
      at_.next = course_.Farther(at_.next, course_.Near(candidate));
      stretch_ = course_.Range(at_.next, far);
      return;
    }
    candidates_.PopFront();
  }
  page_.Clear();
  if (course_.IsAhead(searched_, at_.next)) at_.next = course_.Nearer(searched_, at_.until);
}

}  // namespace tidemark::delivery
