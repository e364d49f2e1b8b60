// PostgreSQL as an event table, by libpq: one INSERT ... unnest() a batch in pipeline mode, NOTIFY
// in the same transaction; reads by position.
#include <endian.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/peers/drivers.h"

namespace tidemark::bench {
namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Rows = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Types of PostgreSQL's catalogue.
constexpr Oid kBytea = 17;
constexpr Oid kText = 25;
constexpr Oid kTextArray = 1009;
constexpr Oid kByteaArray = 1001;
constexpr Oid kInt8 = 20;
constexpr int kPageRows = 10'000;

absl::StatusOr<Connection> Connect(int port) {
  const std::string where =
      absl::StrCat("host=127.0.0.1 user=bench dbname=postgres sslmode=disable port=", port);
  Connection connection(PQconnectdb(where.c_str()), PQfinish);
  if (PQstatus(connection.get()) == CONNECTION_OK) return connection;
  return absl::UnavailableError(PQerrorMessage(connection.get()));
}

absl::Status Check(PGconn* connection, const PGresult* result) {
  const auto status = PQresultStatus(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_PIPELINE_SYNC) {
    return absl::OkStatus();
  }
  return absl::InternalError(absl::StrCat("PostgreSQL: ", PQerrorMessage(connection)));
}

absl::Status Execute(PGconn* connection, const std::string& sql) {
  const Rows result(PQexec(connection, sql.c_str()), PQclear);
  return Check(connection, result.get());
}

void AppendInt32(std::string& bytes, uint32_t value) {
  const uint32_t big = htobe32(value);
  bytes.append(reinterpret_cast<const char*>(&big), sizeof(big));
}

// A one-dimensional array in the binary format, of one field of each event.
std::string BinaryArray(const PeerBatch& batch, Oid type, std::string PeerEvent::*field) {
  std::string bytes;
  for (const uint32_t word : {1u, 0u, type, static_cast<uint32_t>(batch.size()), 1u}) {
    AppendInt32(bytes, word);
  }
  for (const PeerEvent& event : batch) {
    AppendInt32(bytes, static_cast<uint32_t>((event.*field).size()));
    bytes += event.*field;
  }
  return bytes;
}

class Producer : public PeerProducer {
 public:
  Producer(Connection connection, std::string log)
      : connection_(std::move(connection)), log_(std::move(log)) {}

  absl::Status Prepare() {
    const std::string insert =
        absl::StrCat("INSERT INTO ", log_, "(type, key, data) SELECT * FROM unnest($1, $2, $3)");
    const std::array<Oid, 3> types = {kTextArray, kTextArray, kByteaArray};
    for (const auto& [name, sql, count] :
         {std::tuple("append", insert, 3), {"notify", absl::StrCat("NOTIFY ", log_), 0}}) {
      const Rows made(PQprepare(connection_.get(), name, sql.c_str(), count, types.data()),
                      PQclear);
      if (absl::Status status = Check(connection_.get(), made.get()); !status.ok()) return status;
    }
    return PQenterPipelineMode(connection_.get()) == 1 ? absl::OkStatus() : Failure();
  }

  // What lies between two syncs is one transaction.
  absl::Status Send(const PeerBatch& batch) override {
    const std::array<std::string, 3> arrays = {BinaryArray(batch, kText, &PeerEvent::type),
                                               BinaryArray(batch, kText, &PeerEvent::key),
                                               BinaryArray(batch, kBytea, &PeerEvent::data)};
    std::array<const char*, 3> values;
    std::array<int, 3> lengths;
    const std::array<int, 3> binary = {1, 1, 1};
    for (size_t i = 0; i < arrays.size(); ++i) {
      values[i] = arrays[i].data();
      lengths[i] = static_cast<int>(arrays[i].size());
    }
    PGconn* const c = connection_.get();
    if (PQsendQueryPrepared(c, "append", 3, values.data(), lengths.data(), binary.data(), 0) != 1 ||
        PQsendQueryPrepared(c, "notify", 0, nullptr, nullptr, nullptr, 0) != 1 ||
        PQpipelineSync(c) != 1 || PQflush(c) != 0) {
      return Failure();
    }
    return absl::OkStatus();
  }

  absl::Status AwaitOldest() override {
    for (bool synced = false; !synced;) {
      const Rows result(PQgetResult(connection_.get()), PQclear);
      if (result == nullptr) continue;  // The end of one statement.
      if (absl::Status status = Check(connection_.get(), result.get()); !status.ok()) return status;
      synced = PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC;
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Failure() const {
    return absl::InternalError(absl::StrCat("PostgreSQL: ", PQerrorMessage(connection_.get())));
  }

  const Connection connection_;
  const std::string log_;
};

class Consumer : public PeerConsumer {
 public:
  Consumer(Connection connection, const std::string& log)
      : connection_(std::move(connection)), log_(log) {}

  absl::Status Open(PeerStart start) {
    // First listen, then look: so nothing falls between.
    absl::Status status = Execute(connection_.get(), absl::StrCat("LISTEN ", log_));
    if (!status.ok()) return status;
    const std::string page =
        absl::StrCat("SELECT position, type, key, data FROM ", log_,
                     " WHERE position > $1 ORDER BY position LIMIT ", kPageRows);
    const Rows made(PQprepare(connection_.get(), "page", page.c_str(), 1, &kInt8), PQclear);
    if (status = Check(connection_.get(), made.get()); !status.ok()) return status;
    if (start == PeerStart::kEarliest) return absl::OkStatus();
    const std::string newest = absl::StrCat("SELECT coalesce(max(position), 0) FROM ", log_);
    const Rows last(PQexec(connection_.get(), newest.c_str()), PQclear);
    if (status = Check(connection_.get(), last.get()); !status.ok()) return status;
    after_ = std::strtoll(PQgetvalue(last.get(), 0, 0), nullptr, 10);
    return absl::OkStatus();
  }

  absl::Status Poll(absl::Duration patience,
                    absl::FunctionRef<void(const EventView&)> on_event) override {
    const absl::StatusOr<int> rows = ReadPage(on_event);
    if (!rows.ok()) return rows.status();
    if (*rows > 0) return absl::OkStatus();
    PGconn* const c = connection_.get();
    // Notifications that came with the page's answer are here already.
    if (!TakeNotifications()) {
      pollfd ready = {.fd = PQsocket(c), .events = POLLIN};
      poll(&ready, 1, static_cast<int>(absl::ToInt64Milliseconds(patience)));
      PQconsumeInput(c);
      if (!TakeNotifications()) return absl::OkStatus();
    }
    return ReadPage(on_event).status();
  }

 private:
  absl::StatusOr<int> ReadPage(absl::FunctionRef<void(const EventView&)> on_event) {
    const uint64_t after = htobe64(static_cast<uint64_t>(after_));
    const char* const value = reinterpret_cast<const char*>(&after);
    const int length = sizeof(after);
    const int binary = 1;
    const Rows rows(
        PQexecPrepared(connection_.get(), "page", 1, &value, &length, &binary, /*result=*/1),
        PQclear);
    if (absl::Status status = Check(connection_.get(), rows.get()); !status.ok()) return status;
    const int count = PQntuples(rows.get());
    const auto field = [&rows](int row, int column) {
      return absl::string_view(PQgetvalue(rows.get(), row, column),
                               static_cast<size_t>(PQgetlength(rows.get(), row, column)));
    };
    for (int row = 0; row < count; ++row) {
      on_event({field(row, 1), field(row, 2), field(row, 3)});
    }
    if (count > 0) {
      uint64_t position = 0;
      std::memcpy(&position, PQgetvalue(rows.get(), count - 1, 0), sizeof(position));
      after_ = static_cast<int64_t>(be64toh(position));
    }
    return count;
  }

  bool TakeNotifications() {
    bool any = false;
    while (PGnotify* const notification = PQnotifies(connection_.get())) {
      any = true;
      PQfreemem(notification);
    }
    return any;
  }

  const Connection connection_;
  const std::string log_;
  int64_t after_ = 0;
};

class Client : public PeerClient {
 public:
  Client(int port, Connection connection) : port_(port), connection_(std::move(connection)) {}

  absl::Status CheckReady() override { return Execute(connection_.get(), "SELECT 1"); }

  absl::Status CreateLog(const std::string& log) override {
    return Execute(
        connection_.get(),
        absl::StrCat("CREATE TABLE ", log,
                     "(position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, type text "
                     "NOT NULL, key text NOT NULL, data bytea NOT NULL)"));
  }

  absl::StatusOr<std::unique_ptr<PeerProducer>> NewProducer(const std::string& log) override {
    auto connection = Connect(port_);
    if (!connection.ok()) return connection.status();
    auto producer = std::make_unique<Producer>(*std::move(connection), log);
    if (absl::Status status = producer->Prepare(); !status.ok()) return status;
    return producer;
  }

  absl::StatusOr<std::unique_ptr<PeerConsumer>> NewConsumer(const std::string& log,
                                                            PeerStart start) override {
    auto connection = Connect(port_);
    if (!connection.ok()) return connection.status();
    auto consumer = std::make_unique<Consumer>(*std::move(connection), log);
    if (absl::Status status = consumer->Open(start); !status.ok()) return status;
    return consumer;
  }

 private:
  const int port_;
  const Connection connection_;
};

}  // namespace

PeerConnection ConnectPostgres(int port) {
  auto connection = Connect(port);
  if (!connection.ok()) return connection.status();
  return std::make_unique<Client>(port, *std::move(connection));
}

}  // namespace tidemark::bench
