#include "bench/load/event_pool.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "bench/load/key_chooser.h"
#include "bench/load/topic_admin.h"
#include "tidemark/v1/event_store.pb.h"

namespace tidemark::bench {
namespace {

constexpr std::array<const char*, 8> kTypes = {
    "employee.created",   "employee.moved",    "salary.changed",  "title.changed",
    "department.changed", "manager.appointed", "leave.requested", "employee.left"};

std::string RandomBytes(uint32_t count, std::mt19937_64& random) {
  std::string bytes(count, '\0');
  for (size_t i = 0; i < bytes.size(); i += sizeof(uint64_t)) {
    const uint64_t word = random();
    std::memcpy(bytes.data() + i, &word, std::min(sizeof(word), bytes.size() - i));
  }
  return bytes;
}

// `first_type` empty: the first event is like the others.
std::string EncodeEntry(const EventShape& shape, const KeyChooser& keys, uint32_t batch_events,
                        const std::string& first_type, std::mt19937_64& random) {
  v1::AppendRequest request;
  for (uint32_t i = 0; i < batch_events; ++i) {
    v1::Event& event = *request.add_events();
    event.set_type(kTypes[random() % kTypes.size()]);
    if (shape.keys > 0) event.set_key(keys.Key(random()));
    event.set_data(RandomBytes(shape.data_bytes, random));
  }
  if (!first_type.empty()) request.mutable_events(0)->set_type(first_type);
  if (first_type == kRareType) request.mutable_events(0)->set_key(kRareKey);
  return request.SerializeAsString();
}

grpc::Slice TopicField(const std::string& topic) {
  v1::AppendRequest request;
  request.set_topic(topic);
  return grpc::Slice(request.SerializeAsString());
}

}  // namespace

EventPool::EventPool(const EventShape& shape, uint32_t batch_events)
    : batch_events_(batch_events), rare_entries_(shape.rare_entries) {
  std::mt19937_64 random(shape.seed);
  const KeyChooser keys(shape.keys, shape.zipf);
  size_t bytes = 0;
  while (entries_.size() < kEntriesMin || (bytes < kPoolBytes && entries_.size() < kEntriesMax)) {
    entries_.emplace_back(
        EncodeEntry(shape, keys, batch_events, rare_entries_ > 0 ? kUncommonType : "", random));
    bytes += entries_.back().size();
  }
  if (rare_entries_ > 0)
    rare_ = grpc::Slice(EncodeEntry(shape, keys, batch_events, kRareType, random));
}

double EventPool::MeanEntryBytes() const {
  double bytes = 0;
  for (const grpc::Slice& entry : entries_) bytes += static_cast<double>(entry.size());
  return bytes / static_cast<double>(entries_.size());
}

AppendFramer::AppendFramer(const std::string& topic) : topic_(TopicField(topic)) {}

grpc::ByteBuffer AppendFramer::Frame(const grpc::Slice& events, std::optional<uint32_t> partition,
                                     const std::string& producer_id, uint64_t sequence) const {
  // Encoded messages merge by concatenation: the parts may be encoded each on its own.
  std::array<grpc::Slice, 3> parts = {topic_, events, grpc::Slice()};
  if (!partition && producer_id.empty()) return grpc::ByteBuffer(parts.data(), 2);
  v1::AppendRequest rest;
  if (partition) rest.set_partition(*partition);
  if (!producer_id.empty()) {
    rest.mutable_producer()->set_id(producer_id);
    rest.mutable_producer()->set_sequence(sequence);
  }
  parts[2] = grpc::Slice(rest.SerializeAsString());
  return grpc::ByteBuffer(parts.data(), parts.size());
}

std::vector<AppendFramer> TopicFramers(const std::string& topic, uint32_t count) {
  std::vector<AppendFramer> framers;
  for (const std::string& name : TopicNames(topic, count)) framers.emplace_back(name);
  return framers;
}

}  // namespace tidemark::bench
