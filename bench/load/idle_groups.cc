#include "bench/load/idle_groups.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "tidemark/v1/consumer_groups.pb.h"

namespace tidemark::bench {
namespace {

constexpr char kConsumeMethod[] = "/tidemark.v1.ConsumerGroups/Consume";

grpc::ByteBuffer JoinOf(const std::string& topic, uint32_t number) {
  v1::ConsumeRequest request;
  v1::Join& join = *request.mutable_join();
  join.set_group(absl::StrCat(topic, "-idle-", number));
  join.add_topics(topic);
  join.mutable_start()->mutable_latest();
  return ToByteBuffer(request.SerializeAsString());
}

}  // namespace

struct IdleGroups::Members {
  struct Member {
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
    grpc::ByteBuffer answer;
    grpc::Status status;
  };

  explicit Members(const std::string& address) : stub(NewConnection(address)) {}
  ~Members();
  // Waits until `count` operations have ended; false if one failed.
  bool Wait(size_t count);

  grpc::GenericStub stub;
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Member>> all;
};

bool IdleGroups::Members::Wait(size_t count) {
  bool fine = true;
  for (size_t i = 0; i < count; ++i) {
    void* tag = nullptr;
    bool ok = false;
    if (!queue.Next(&tag, &ok)) return false;
    fine &= ok;
  }
  return fine;
}

IdleGroups::Members::~Members() {
  for (const std::unique_ptr<Member>& member : all) {
    member->context.TryCancel();
    member->stream->Finish(&member->status, this);
  }
  Wait(all.size());
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
}

IdleGroups::IdleGroups() = default;
IdleGroups::~IdleGroups() = default;

absl::Status IdleGroups::Join(const std::string& address, const std::string& topic,
                              uint32_t count) {
  members_ = std::make_unique<Members>(address);
  for (uint32_t i = 0; i < count; ++i) {
    auto member = std::make_unique<Members::Member>();
    member->stream = members_->stub.PrepareCall(&member->context, kConsumeMethod, &members_->queue);
    member->stream->StartCall(this);
    members_->all.push_back(std::move(member));
  }
  bool fine = members_->Wait(count);
  for (uint32_t i = 0; fine && i < count; ++i) {
    members_->all[i]->stream->Write(JoinOf(topic, i), this);
  }
  fine = fine && members_->Wait(count);
  // The first answer is Joined.
  for (const std::unique_ptr<Members::Member>& member : members_->all) {
    if (fine) member->stream->Read(&member->answer, this);
  }
  fine = fine && members_->Wait(count);
  if (fine) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("not all of ", count, " idle groups could join"));
}

}  // namespace tidemark::bench
