#include "server/rpc/control_plane.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/rpc/control_methods.h"
#include "server/rpc/event_store_service.h"
#include "server/rpc/groups_service.h"
#include "server/rpc/operations_service.h"
#include "server/rpc/topics_service.h"

namespace tidemark::rpc {
namespace {

class SteppedExecutor final : public base::Executor {
 public:
  void Schedule(Task task) override { tasks_.push_back(std::move(task)); }
  bool Step() {
    if (tasks_.empty()) return false;
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    std::move(task)();
    return true;
  }

 private:
  std::deque<Task> tasks_;
};

using Said = std::vector<std::string>;

struct NamedCall final : ControlPlane::Call {
  NamedCall(std::string name, Said& said) : name(std::move(name)), said(said) {}
  void Run() override { said.push_back(name + " runs"); }
  void Refuse() override { said.push_back(name + " is refused"); }
  void Abandon() override { said.push_back(name + " is abandoned"); }
  const std::string name;
  Said& said;
};

constexpr uint64_t kCall = ControlPlane::kCallBytes;

// Calls of connections "a", "b", ...; there is room for four that ask for nothing more.
class ControlPlaneTest : public testing::Test {
 protected:
  std::shared_ptr<NamedCall> Enter(const std::string& name, Lane lane = Lane::kLook,
                                   uint64_t bytes = 0) {
    auto call = std::make_shared<NamedCall>(name, said_);
    entered_ = plane_.Enter(call, lane, ConnectionId(name[0]), bytes);
    return call;
  }
  Said TakeSaid() { return std::exchange(said_, {}); }
  void RunAll() {
    while (look_.Step() || change_.Step() || operate_.Step()) {
    }
  }

  Said said_;
  bool entered_ = false;
  SteppedExecutor look_, change_, operate_;
  ControlPlane plane_{{&look_, &change_, &operate_}, 4 * kCall};
};

TEST_F(ControlPlaneTest, ConnectionsTakeTurns) {
  Enter("a1");
  Enter("a2");
  Enter("a3");
  Enter("b1");
  RunAll();
  EXPECT_EQ(TakeSaid(), Said({"a1 runs", "b1 runs", "a2 runs", "a3 runs"}));
}

TEST_F(ControlPlaneTest, LanesDoNotWaitForEachOther) {
  Enter("a1", Lane::kChange);
  Enter("a2", Lane::kOperate);
  Enter("a3", Lane::kLook);
  EXPECT_TRUE(look_.Step());
  EXPECT_EQ(TakeSaid(), Said({"a3 runs"}));
  EXPECT_TRUE(operate_.Step());
  EXPECT_EQ(TakeSaid(), Said({"a2 runs"}));
  EXPECT_FALSE(look_.Step());
}

TEST_F(ControlPlaneTest, WhoHasMostGivesWay) {
  const auto a1 = Enter("a1");
  Enter("a2");
  Enter("a3");
  Enter("b1");
  Enter("a4");
  EXPECT_FALSE(entered_);  // It is the one with most.
  Enter("b2");
  EXPECT_TRUE(entered_);
  EXPECT_EQ(TakeSaid(), Said({"a3 is refused"}));
  Enter("b3");
  EXPECT_FALSE(entered_);  // No other connection would have more than this one.
  RunAll();
  EXPECT_EQ(TakeSaid(), Said({"a1 runs", "b1 runs", "a2 runs", "b2 runs"}));
}

TEST_F(ControlPlaneTest, TheAnswerUnreadForLongestIsLetGoOf) {
  std::vector<std::shared_ptr<NamedCall>> calls;
  for (const char* name : {"a1", "a2", "a3", "a4"}) calls.push_back(Enter(name));
  RunAll();
  for (const auto& call : calls) plane_.Answers(call, 0);
  TakeSaid();
  Enter("b1");
  EXPECT_TRUE(entered_);
  EXPECT_EQ(TakeSaid(), Said({"a1 is abandoned"}));
  for (const auto& call : calls) plane_.Leave(*call);
  EXPECT_EQ(plane_.bytes(), kCall);
}

TEST_F(ControlPlaneTest, WhatRunsIsNotTouched) {
  std::vector<std::shared_ptr<NamedCall>> calls;
  for (const char* name : {"a1", "a2", "a3", "a4"}) calls.push_back(Enter(name));
  RunAll();
  TakeSaid();
  Enter("b1");
  EXPECT_FALSE(entered_);
  EXPECT_EQ(TakeSaid(), Said());
}

TEST_F(ControlPlaneTest, RequestsAndAnswersAreCharged) {
  const auto call = Enter("a1", Lane::kLook, 1000);
  EXPECT_EQ(plane_.bytes(), kCall + 1000);
  RunAll();
  plane_.Answers(call, 300);
  EXPECT_EQ(plane_.bytes(), kCall + 300);
  plane_.Leave(*call);
  EXPECT_EQ(plane_.bytes(), 0);
  Enter("a2", Lane::kLook, 4 * kCall);
  EXPECT_FALSE(entered_);
}

TEST_F(ControlPlaneTest, AnAnswerThatDoesNotFitMakesLargerOnesGiveWay) {
  const auto a1 = Enter("a1");
  const auto a2 = Enter("a2");
  const auto b1 = Enter("b1");
  RunAll();
  plane_.Answers(a1, kCall);
  plane_.Answers(a2, 0);
  TakeSaid();
  plane_.Answers(b1, 1);
  EXPECT_EQ(TakeSaid(), Said({"a1 is abandoned"}));
  EXPECT_EQ(plane_.bytes(), 2 * kCall + 1);
}

// The place of a service of which nothing is called.
template <typename Service>
class Uncalled {
 public:
  Service& operator()() { return *reinterpret_cast<Service*>(bytes_); }

 private:
  alignas(Service) std::byte bytes_[sizeof(Service)];
};

// A method that is forgotten here would have gRPC's own, unbounded threads.
TEST(ControlMethodsTest, EveryMethodThatIsNoDataPlaneIsThere) {
  const std::set<std::string> data_plane = {
      "/tidemark.v1.EventStore/Append",    "/tidemark.v1.EventStore/AppendStream",
      "/tidemark.v1.EventStore/Transact",  "/tidemark.v1.EventStore/Read",
      "/tidemark.v1.EventStore/Subscribe", "/tidemark.v1.ConsumerGroups/Consume"};
  Uncalled<EventStoreService> events;
  Uncalled<GroupsService> groups;
  Uncalled<TopicsService> topics;
  Uncalled<OperationsService> operations;
  const ControlMethods methods(events(), groups(), topics(), operations());
  for (const char* name :
       {v1::EventStore::service_full_name(), v1::Topics::service_full_name(),
        v1::ConsumerGroups::service_full_name(), v1::Operations::service_full_name()}) {
    const google::protobuf::ServiceDescriptor* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    ASSERT_NE(service, nullptr) << name;
    for (int i = 0; i < service->method_count(); ++i) {
      const std::string path = absl::StrCat("/", name, "/", service->method(i)->name());
      EXPECT_NE(methods.Find(path) != nullptr, data_plane.count(path) > 0) << path;
    }
  }
  EXPECT_EQ(methods.Find("/tidemark.v1.Topics/NoSuch"), nullptr);
}

}  // namespace
}  // namespace tidemark::rpc
