#include "tidemark/reader.h"

#include <utility>

#include "client/cpp/src/read_loop.h"

namespace tidemark {

EventIterator::EventIterator(internal::ReadLoop* loop) : loop_(loop), event_(loop->NextEvent()) {}

EventIterator& EventIterator::operator++() {
  event_ = loop_->NextEvent();
  return *this;
}

EventStream::EventStream(std::unique_ptr<internal::ReadLoop> loop) : loop_(std::move(loop)) {}
EventStream::~EventStream() = default;
EventStream::EventStream(EventStream&&) noexcept = default;
EventStream& EventStream::operator=(EventStream&&) noexcept = default;

std::optional<StreamItem> EventStream::Next() { return loop_->Next(); }
EventIterator EventStream::begin() { return EventIterator(loop_.get()); }

absl::Status EventStream::ForEach(absl::FunctionRef<absl::Status(const ReceivedEvent&)> handle) {
  while (const ReceivedEvent* event = loop_->NextEvent()) {
    if (absl::Status status = handle(*event); !status.ok()) return status;
  }
  return loop_->status();
}

void EventStream::Cancel() { loop_->Cancel(); }
const absl::Status& EventStream::status() const { return loop_->status(); }
const std::string& EventStream::cursor() const { return loop_->cursor(); }
std::map<uint32_t, uint64_t> EventStream::next_offsets() const { return loop_->next_offsets(); }
uint64_t EventStream::gap_events() const { return loop_->gap_events(); }
uint64_t EventStream::connections() const { return loop_->connections(); }

Reader::Reader(const Client& client, absl::string_view topic, ReadOptions options)
    : EventStream(std::make_unique<internal::ReadLoop>(client, topic, std::move(options),
                                                       /*endless=*/false)) {}

Subscriber::Subscriber(const Client& client, absl::string_view topic, SubscribeOptions options)
    : EventStream(std::make_unique<internal::ReadLoop>(client, topic, std::move(options),
                                                       /*endless=*/true)) {}

}  // namespace tidemark
