// Redis Streams by hiredis: one XADD an event, pipelined; XREAD.
#include <hiredis/hiredis.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

using Context = std::unique_ptr<redisContext, decltype(&redisFree)>;
using Reply = std::unique_ptr<redisReply, decltype(&freeReplyObject)>;

constexpr int kReadCount = 1000;

absl::StatusOr<Context> Connect(int port) {
  const timeval patience = {.tv_sec = 2};
  Context context(redisConnectWithTimeout("127.0.0.1", port, patience), redisFree);
  if (context == nullptr || context->err != 0) {
    return absl::UnavailableError(
        absl::StrCat("Redis: ", context == nullptr ? "no memory" : context->errstr));
  }
  const timeval forever = {.tv_sec = 60};
  redisSetTimeout(context.get(), forever);
  return context;
}

absl::StatusOr<Reply> Check(redisContext& context, void* raw) {
  Reply reply(static_cast<redisReply*>(raw), freeReplyObject);
  if (reply == nullptr) return absl::UnavailableError(absl::StrCat("Redis: ", context.errstr));
  if (reply->type == REDIS_REPLY_ERROR) {
    return absl::InternalError(absl::StrCat("Redis: ", reply->str));
  }
  return reply;
}

class Producer : public PeerProducer {
 public:
  Producer(Context context, std::string log) : context_(std::move(context)), log_(std::move(log)) {}

  absl::Status Send(const PeerBatch& batch) override {
    for (const PeerEvent& event : batch) {
      const char* arguments[] = {"XADD", log_.c_str(), "*", "e", event.body.data()};
      const size_t lengths[] = {4, log_.size(), 1, 1, event.body.size()};
      redisAppendCommandArgv(context_.get(), 5, arguments, lengths);
    }
    unanswered_.push_back(batch.size());
    for (int done = 0; done == 0;) {
      if (redisBufferWrite(context_.get(), &done) != REDIS_OK) {
        return absl::UnavailableError(absl::StrCat("Redis: ", context_->errstr));
      }
    }
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    for (size_t i = 0; i < unanswered_.front(); ++i) {
      void* raw = nullptr;
      redisGetReply(context_.get(), &raw);
      if (auto reply = Check(*context_, raw); !reply.ok()) return reply.status();
    }
    unanswered_.pop_front();
    return absl::OkStatus();
  }

 private:
  const Context context_;
  const std::string log_;
  std::deque<size_t> unanswered_;
};

class Consumer : public PeerConsumer {
 public:
  Consumer(Context context, std::string log, std::string after)
      : context_(std::move(context)), log_(std::move(log)), after_(std::move(after)) {}

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    const int64_t ms = std::max<int64_t>(1, absl::ToInt64Milliseconds(patience));
    void* raw = redisCommand(context_.get(), "XREAD COUNT %d BLOCK %lld STREAMS %s %s", kReadCount,
                             static_cast<long long>(ms), log_.c_str(), after_.c_str());
    auto reply = Check(*context_, raw);
    if (!reply.ok()) return reply.status();
    if ((*reply)->type == REDIS_REPLY_NIL) return absl::OkStatus();
    // [[log, [[id, [field, value]], ...]]]
    const redisReply& entries = *(*reply)->element[0]->element[1];
    for (size_t i = 0; i < entries.elements; ++i) {
      const redisReply& entry = *entries.element[i];
      const redisReply& body = *entry.element[1]->element[1];
      if (auto s = decoder_.Decode({body.str, static_cast<size_t>(body.len)}, on_event); !s.ok()) {
        return s;
      }
      if (i + 1 == entries.elements) after_ = entry.element[0]->str;
    }
    return absl::OkStatus();
  }

 private:
  const Context context_;
  const std::string log_;
  std::string after_;
  BodyDecoder decoder_;
};

class Client : public PeerClient {
 public:
  Client(int port, Context context) : port_(port), context_(std::move(context)) {}

  absl::Status CheckReady() override {
    return Check(*context_, redisCommand(context_.get(), "PING")).status();
  }
  absl::Status CreateLog(const std::string&) override { return absl::OkStatus(); }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto context = Connect(port_);
    if (!context.ok()) return context.status();
    return std::make_unique<Producer>(*std::move(context), log);
  }

  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart start) override {
    auto context = Connect(port_);
    if (!context.ok()) return context.status();
    std::string after = "0-0";
    if (start == PeerStart::kLatest) {
      const auto last =
          Check(**context, redisCommand(context->get(), "XREVRANGE %s + - COUNT 1", log.c_str()));
      if (!last.ok()) return last.status();
      if ((*last)->elements > 0) after = (*last)->element[0]->element[0]->str;
    }
    return std::make_unique<Consumer>(*std::move(context), log, std::move(after));
  }

 private:
  const int port_;
  const Context context_;
};

}  // namespace

PeerConnection ConnectRedis(int port) {
  auto context = Connect(port);
  if (!context.ok()) return context.status();
  return std::make_unique<Client>(port, *std::move(context));
}

}  // namespace tidemark::bench
