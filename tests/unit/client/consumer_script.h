// Script: the server's side of one Consume connection, in words.
//
// Threads. One thread, gRPC's, on which FakeServer runs the script.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/cpp/src/crc32c.h"
#include "tests/unit/client/fake_server.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::testing {

class Script {
 public:
  explicit Script(ConsumeStream* stream) : stream_(*stream) {}

  v1::Join ReadJoin(v1::GroupMode mode = v1::GROUP_MODE_PARTITION_ORDERED, int lease_ms = 30'000) {
    v1::ConsumeRequest request;
    EXPECT_TRUE(stream_.Read(&request));
    EXPECT_TRUE(request.has_join());
    v1::ConsumeResponse response;
    response.mutable_joined()->set_member_id("member-1");
    v1::GroupConfig& group = *response.mutable_joined()->mutable_group();
    group.set_mode(mode);
    google::protobuf::Duration& lease = *group.mutable_retry_policy()->mutable_lease();
    lease.set_seconds(lease_ms / 1000);
    lease.set_nanos(lease_ms % 1000 * 1'000'000);
    stream_.Write(response);
    return request.join();
  }

  // Events of these keys, one letter each, from `from` on; their data is the offset.
  void DeliverKeys(uint64_t from, const std::string& keys, std::vector<uint32_t> attempts = {}) {
    v1::ConsumeResponse response;
    v1::EventBatch& batch = *response.mutable_delivery()->mutable_batch();
    for (const char key : keys) {
      v1::Event& event = *batch.add_events();
      event.set_type("t");
      event.set_key(std::string(1, key));
      event.set_data(std::to_string(from + static_cast<uint64_t>(batch.events_size()) - 1));
    }
    batch.set_topic("hr");
    batch.set_base_offset(from);
    response.mutable_delivery()->mutable_attempts()->Add(attempts.begin(), attempts.end());
    stream_.Write(response);
  }

  // Answers what is said of single events until Leave, and counts it.
  grpc::Status AnswerUntilLeave() {
    for (v1::ConsumeRequest request = Read(); !request.has_leave(); request = Read()) {
      if (!Answer(request)) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "no more is said");
    }
    return grpc::Status::OK;
  }
  // False: it is neither an ack, nor a nack, nor an extension.
  bool Answer(const v1::ConsumeRequest& request) {
    v1::ConsumeResponse response;
    if (request.has_ack()) {
      for (const v1::EventSet& set : request.ack().ids().sets()) {
        acked.insert(acked.end(), set.offsets().begin(), set.offsets().end());
        response.mutable_ack_confirmed()->set_acked_events(
            static_cast<uint32_t>(set.offsets_size()));
      }
    } else if (request.has_nack()) {
      nacks.push_back(request.nack());
      const bool dead = request.nack().dead_letter();
      response.mutable_nack_confirmed()->set_retried(dead ? 0 : 1);
      response.mutable_nack_confirmed()->set_dead_letters(dead ? 1 : 0);
    } else if (request.has_extend()) {
      extends.push_back(request.extend());
      response.mutable_extend_confirmed()->set_extended(
          static_cast<uint32_t>(request.extend().ids_size()));
    } else {
      return false;
    }
    stream_.Write(response);
    return true;
  }
  std::vector<uint64_t> acked;
  std::vector<v1::Nack> nacks;
  std::vector<v1::Extend> extends;

  void Send(const v1::ConsumeResponse& response) { stream_.Write(response); }

  void Assign(uint32_t partition, uint64_t offset) {
    v1::ConsumeResponse response;
    auto& assigned = *response.mutable_assigned()->add_partitions();
    assigned.set_topic("hr");
    assigned.set_partition(partition);
    assigned.set_offset(offset);
    stream_.Write(response);
  }

  void Revoke(uint32_t partition) {
    v1::ConsumeResponse response;
    auto& revoked = *response.mutable_revoked()->add_partitions();
    revoked.set_topic("hr");
    revoked.set_partition(partition);
    stream_.Write(response);
  }

  // The same with keys, "k0" to "k(keys - 1)" in turn.
  void DeliverKeyed(uint32_t partition, uint64_t from, uint64_t until, uint64_t keys) {
    Deliver(partition, from, until, false, keys);
  }
  // Events `from` to `until` of a partition; their data is the offset.
  void Deliver(uint32_t partition, uint64_t from, uint64_t until, bool damaged = false,
               uint64_t keys = 0) {
    v1::ConsumeResponse response;
    v1::EventBatch& batch = *response.mutable_delivery()->mutable_batch();
    for (uint64_t offset = from; offset < until; ++offset) {
      v1::Event& event = *batch.add_events();
      event.set_type("employee.created");
      event.set_data(std::to_string(offset));
      if (keys > 0) event.set_key("k" + std::to_string(offset % keys));
    }
    batch.set_events_crc32c(internal::ExtendCrc32c(0, batch.SerializeAsString()) ^
                            (damaged ? 1 : 0));
    batch.set_topic("hr");
    batch.set_partition(partition);
    batch.set_base_offset(from);
    stream_.Write(response);
  }

  void CaughtUp() {
    v1::ConsumeResponse response;
    response.mutable_caught_up();
    stream_.Write(response);
  }

  void Drain() {
    v1::ConsumeResponse response;
    response.mutable_draining();
    stream_.Write(response);
  }

  // The next message that grants no credits.
  v1::ConsumeRequest Read() {
    v1::ConsumeRequest request;
    while (stream_.Read(&request)) {
      if (!request.has_credits()) return request;
      granted_events_ += request.credits().events();
    }
    return v1::ConsumeRequest();
  }

  // Reads acks and confirms them until `offset` of the partition is acked.
  void ConfirmUpTo(uint32_t partition, uint64_t offset) {
    while (true) {
      const v1::ConsumeRequest request = Read();
      if (!request.has_ack()) {
        ADD_FAILURE() << "instead of an ack: " << request.ShortDebugString();
        return;
      }
      Confirm(request.ack());
      for (const auto& ack : request.ack().up_to().offsets()) {
        if (ack.partition() == partition && ack.offset() == offset) return;
      }
    }
  }

  void Confirm(const v1::Ack& ack) {
    v1::ConsumeResponse response;
    *response.mutable_ack_confirmed()->mutable_committed() = ack.up_to().offsets();
    stream_.Write(response);
  }

  void Fence(const v1::Ack& ack) {
    v1::ConsumeResponse response;
    for (const auto& offset : ack.up_to().offsets()) {
      auto& rejected = *response.mutable_ack_confirmed()->add_rejected();
      *rejected.mutable_ack() = offset;
      rejected.set_reason("FENCED");
    }
    stream_.Write(response);
  }

  // Confirms what is acked until Leave, then ends.
  grpc::Status ConfirmUntilLeave() {
    while (true) {
      const v1::ConsumeRequest request = Read();
      if (request.has_ack()) {
        Confirm(request.ack());
      } else {
        EXPECT_TRUE(request.has_leave()) << request.ShortDebugString();
        return grpc::Status::OK;
      }
    }
  }

  uint64_t granted_events() const { return granted_events_; }

 private:
  ConsumeStream& stream_;
  uint64_t granted_events_ = 0;
};

}  // namespace tidemark::testing
