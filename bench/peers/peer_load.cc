#include "bench/peers/peer_load.h"

#include <atomic>
#include <deque>
#include <thread>

#include "absl/strings/str_cat.h"
#include "bench/load/paced_appender.h"
#include "bench/measure/clock.h"
#include "bench/measure/pacer.h"

namespace tidemark::bench {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr absl::Duration kTurn = absl::Milliseconds(100);

struct InFlight {
  int64_t sent_ns;
  uint64_t events;
  uint64_t bytes;
};

uint64_t BodyBytes(const PeerBatch& batch) {
  uint64_t bytes = 0;
  for (const PeerEvent& event : batch) bytes += event.body.size();
  return bytes;
}

}  // namespace

absl::StatusOr<Recorder> RunPeerAppend(PeerClient& client, const std::string& log,
                                       const PeerAppend& load,
                                       const std::vector<PeerBatch>& batches, PeerWorkEnd at_end) {
  auto producer = client.NewProducer(log);
  if (!producer.ok()) return producer.status();
  const int64_t begin_ns = NowNs();
  const int64_t until_ns = begin_ns + SecondsToNs(load.warmup_seconds + load.seconds);
  Recorder recorder(begin_ns + SecondsToNs(load.warmup_seconds));
  std::deque<InFlight> in_flight;
  size_t next = 0;
  while (true) {
    const int64_t now = NowNs();
    if (now < until_ns && in_flight.size() < load.inflight) {
      const PeerBatch& batch = batches[next++ % batches.size()];
      in_flight.push_back({now, batch.size(), BodyBytes(batch)});
      if (absl::Status status = (*producer)->Send(batch); !status.ok()) return status;
      continue;
    }
    if (in_flight.empty()) {
      at_end(recorder);
      return recorder;
    }
    if (absl::Status status = (*producer)->AwaitOldest(); !status.ok()) return status;
    const int64_t acked_ns = NowNs();
    const InFlight& oldest = in_flight.front();
    recorder.Complete(acked_ns, acked_ns - oldest.sent_ns, oldest.events, oldest.bytes);
    in_flight.pop_front();
  }
}

absl::StatusOr<Recorder> RunPeerReplay(PeerClient& client, const std::string& log, uint64_t events,
                                       PeerWorkEnd at_end) {
  const int64_t start_ns = NowNs();
  auto consumer = client.NewConsumer(log, PeerStart::kEarliest);
  if (!consumer.ok()) return consumer.status();
  Recorder recorder(start_ns);
  int64_t previous_ns = start_ns;
  uint64_t seen = 0;
  while (seen < events) {
    uint64_t here = 0;
    uint64_t bytes = 0;
    absl::Status status = (*consumer)->Poll(kTurn, [&](const EventView& event) {
      ++here;
      bytes += event.type.size() + event.key.size() + event.data.size();
    });
    if (!status.ok()) return status;
    const int64_t now = NowNs();
    if (here > 0) {
      recorder.Complete(now, now - previous_ns, here, bytes);
      previous_ns = now;
      seen += here;
    } else if (now - previous_ns > absl::ToInt64Nanoseconds(kPatience)) {
      return absl::DataLossError(absl::StrCat("of ", events, " acknowledged events ", seen,
                                              " came, and then none for ten seconds"));
    }
  }
  at_end(recorder);
  return recorder;
}

namespace {

// Reads until `events` have come, or none for a while.
absl::Status ReadTail(PeerConsumer& consumer, uint64_t events, Recorder& recorder) {
  uint64_t seen = 0;
  int64_t last_ns = NowNs();
  while (seen < events) {
    absl::Status status = consumer.Poll(kTurn, [&](const EventView& event) {
      const int64_t now = NowNs();
      recorder.Complete(now, now - IntendedNsIn(std::string(event.data)), 1, event.data.size());
      ++seen;
      last_ns = now;
    });
    if (!status.ok()) return status;
    if (NowNs() - last_ns > absl::ToInt64Nanoseconds(kPatience)) {
      return absl::DataLossError(absl::StrCat("of ", events, " events the reader got ", seen));
    }
  }
  return absl::OkStatus();
}

absl::Status SendByTheClock(PeerProducer& producer, const PeerTail& load, int64_t start_ns,
                            uint64_t events) {
  const Pacer pacer(start_ns, load.events_per_second);
  const KeyChooser keys(load.shape.keys, load.shape.zipf);
  uint64_t unacked = 0;
  for (uint64_t i = 0; i < events; ++i) {
    const PeerBatch batch = TimedPeerBatch(pacer.IntendedNs(i), load.shape, keys, i);
    pacer.Await(i);
    if (absl::Status status = producer.Send(batch); !status.ok()) return status;
    if (++unacked < load.inflight) continue;
    if (absl::Status status = producer.AwaitOldest(); !status.ok()) return status;
    --unacked;
  }
  for (; unacked > 0; --unacked) {
    if (absl::Status status = producer.AwaitOldest(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Recorder> RunPeerTail(PeerClient& client, const std::string& log,
                                     const PeerTail& load, PeerWorkEnd at_end) {
  auto consumer = client.NewConsumer(log, PeerStart::kLatest);
  if (!consumer.ok()) return consumer.status();
  auto producer = client.NewProducer(log);
  if (!producer.ok()) return producer.status();
  const double seconds = load.warmup_seconds + load.seconds;
  const auto events = static_cast<uint64_t>(load.events_per_second * seconds);
  const int64_t start_ns = NowNs() + SecondsToNs(0.05);
  Recorder recorder(start_ns + SecondsToNs(load.warmup_seconds));
  absl::Status read;
  std::thread reader([&] { read = ReadTail(**consumer, events, recorder); });
  const absl::Status sent = SendByTheClock(**producer, load, start_ns, events);
  reader.join();
  if (!sent.ok()) return sent;
  if (!read.ok()) return read;
  at_end(recorder);
  return recorder;
}

}  // namespace tidemark::bench
