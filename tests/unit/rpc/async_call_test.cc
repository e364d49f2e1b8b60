#include "server/rpc/async_call.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace tidemark::rpc {
namespace {

class Stream final : public Drainable {
 public:
  void Drain() override { ++drains; }
  int drains = 0;
};

class OneCall {
 public:
  void OnComplete(bool ok) { last_ok = ok; }
  bool last_ok = false;
  Op<OneCall> op{&OneCall::OnComplete};
};

TEST(OpTest, KeepsTheCallUntilItCompletes) {
  auto call = std::make_shared<OneCall>();
  const std::weak_ptr<OneCall> watch = call;
  OneCall& object = *call;
  void* tag = object.op.Start(std::move(call));
  ASSERT_FALSE(watch.expired());
  static_cast<Tag*>(tag)->Complete(true);
  EXPECT_TRUE(watch.expired());
}

TEST(OpTest, LetsGoOfACallThatWasNeverBegun) {
  auto call = std::make_shared<OneCall>();
  const std::weak_ptr<OneCall> watch = call;
  OneCall& object = *call;
  object.op.Start(std::move(call));
  object.op.Drop();
  EXPECT_TRUE(watch.expired());
}

TEST(CallRegistryTest, TakesNoMoreStreamsThanItsLimit) {
  CallRegistry registry(2);
  auto a = std::make_shared<Stream>();
  auto b = std::make_shared<Stream>();
  auto c = std::make_shared<Stream>();
  EXPECT_TRUE(registry.AddStream(a, a.get()));
  EXPECT_TRUE(registry.AddStream(b, b.get()));
  EXPECT_FALSE(registry.AddStream(c, c.get()));
  registry.RemoveStream(a.get());
  EXPECT_TRUE(registry.AddStream(c, c.get()));
}

TEST(CallRegistryTest, TellsEveryStreamToDrainAndTakesNoNewOnes) {
  CallRegistry registry(10);
  auto stream = std::make_shared<Stream>();
  auto gone = std::make_shared<Stream>();
  registry.AddStream(stream, stream.get());
  registry.AddStream(gone, gone.get());
  gone.reset();
  registry.Drain();
  EXPECT_EQ(stream->drains, 1);
  EXPECT_TRUE(registry.draining());
  EXPECT_FALSE(registry.AddStream(stream, stream.get()));
}

TEST(CallRegistryTest, WaitsForTheLastCall) {
  CallRegistry registry(1);
  auto count = std::make_unique<CallCount>(registry);
  std::thread ends([&] { count.reset(); });
  registry.WaitUntilNoCalls();
  ends.join();
  EXPECT_EQ(count, nullptr);
}

}  // namespace
}  // namespace tidemark::rpc
