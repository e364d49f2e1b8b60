#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

const PeerMode kSynced = {"fsync", "fsync before ack", true};

PeerMode Unsynced(std::string durability) { return {"default", std::move(durability), false}; }

// Each `connect` stays null where the client library was not found (bench/peers/CMakeLists.txt).
#ifdef TIDEMARK_PEER_REDIS
constexpr auto kRedis = ConnectRedis;
#else
constexpr std::nullptr_t kRedis = nullptr;
#endif
#ifdef TIDEMARK_PEER_NATS
constexpr auto kNats = ConnectNats;
#else
constexpr std::nullptr_t kNats = nullptr;
#endif
#ifdef TIDEMARK_PEER_POSTGRES
constexpr auto kPostgres = ConnectPostgres;
#else
constexpr std::nullptr_t kPostgres = nullptr;
#endif
#ifdef TIDEMARK_PEER_RABBITMQ
constexpr auto kRabbitQuorum = ConnectRabbitQuorum;
#else
constexpr std::nullptr_t kRabbitQuorum = nullptr;
#endif
#ifdef TIDEMARK_PEER_KAFKA
constexpr auto kKafka = ConnectKafka;
#else
constexpr std::nullptr_t kKafka = nullptr;
#endif
#ifdef TIDEMARK_PEER_UMADB
constexpr auto kUmaDb = ConnectUmaDb;
#else
constexpr std::nullptr_t kUmaDb = nullptr;
#endif

}  // namespace

std::vector<PeerSpec> AllPeers() {
  return {
      {"Kafka",
       "kafka.sh",
       {Unsynced("in the page cache"), kSynced},
       "one partition; librdkafka: acks=all, linger.ms=1, batch.size=1 MB, no compression; "
       "a million events fetched ahead",
       kKafka,
       "librdkafka"},
      {"NATS JetStream",
       "nats.sh",
       {Unsynced("in the page cache, synced every 2 min")},
       "file storage, publish async; ordered consumer",
       kNats,
       "libnats"},
      {"RabbitMQ stream",
       "rabbitmq.sh",
       {Unsynced("in the page cache")},
       "its own protocol, 100 events a publish frame, confirms; reads with credits of 10 chunks",
       ConnectRabbitStream,
       ""},
      {"RabbitMQ quorum queue",
       "rabbitmq.sh",
       {kSynced},
       "AMQP 0.9.1, publisher confirms; read once, with a prefetch of 2000, acked by the hundred",
       kRabbitQuorum,
       "librabbitmq"},
      {"Redis Streams",
       "redis.sh",
       {Unsynced("in the page cache, synced every second"), kSynced},
       "append-only file; XADD pipelined by the batch; XREAD of 1000; all of it in memory",
       kRedis,
       "hiredis"},
      {"PostgreSQL table",
       "postgres.sh",
       {Unsynced("in memory, synced within 0.6 s"), kSynced},
       "one INSERT ... unnest() a batch, pipelined, and NOTIFY; reads by position, 10000 rows a "
       "page",
       kPostgres,
       "libpq"},
      {"UmaDB",
       "umadb.sh",
       {kSynced},
       "gRPC: an Append call a batch, with the key as tag; Subscribe; calls under way at once may "
       "be "
       "stored in another order",
       kUmaDb,
       "its driver: run umadb.sh install, then configure again"},
  };
}

}  // namespace tidemark::bench
