// FakeServer's EventStore: appends to the FakeLog and streams from it, with the faults asked for.
//
// Threads. Safe from any thread, as gRPC calls it.
#pragma once

#include <map>

#include "tests/unit/client/fake_server.h"

namespace tidemark::testing {

class FakeServer::EventStoreService final : public v1::EventStore::Service {
 public:
  explicit EventStoreService(FakeServer* server) : server_(*server) {}

  grpc::Status Append(grpc::ServerContext* context, const v1::AppendRequest* request,
                      v1::AppendResponse* response) override;
  grpc::Status AppendStream(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::AppendStreamResponse, v1::AppendRequest>* stream) override;
  grpc::Status GetProducer(grpc::ServerContext* context, const v1::GetProducerRequest* request,
                           v1::GetProducerResponse* response) override;
  grpc::Status Read(grpc::ServerContext* context, const v1::ReadRequest* request,
                    grpc::ServerWriter<v1::ReadResponse>* writer) override;
  grpc::Status Subscribe(grpc::ServerContext* context, const v1::SubscribeRequest* request,
                         grpc::ServerWriter<v1::ReadResponse>* writer) override;

 private:
  using Offsets = std::map<uint32_t, uint64_t>;

  AppendFault FaultOf(const v1::AppendRequest& request);
  Offsets StartOf(const v1::ReadRequest& request);
  bool SendStored(const v1::ReadRequest& request, const Offsets& until, Offsets* next,
                  uint64_t* sent, grpc::ServerContext* context,
                  grpc::ServerWriter<v1::ReadResponse>* writer, grpc::Status* status);
  bool SendBackward(const v1::ReadRequest& request, const Offsets& until, Offsets* next,
                    uint64_t* sent, grpc::ServerContext* context,
                    grpc::ServerWriter<v1::ReadResponse>* writer, grpc::Status* status);
  void FillIn(uint32_t partition, uint64_t from, v1::EventBatch* batch);
  bool SendBatch(v1::ReadResponse* response, uint64_t from, const Offsets& next,
                 grpc::ServerContext* context, grpc::ServerWriter<v1::ReadResponse>* writer,
                 grpc::Status* status);
  grpc::Status Stream(grpc::ServerContext* context, const v1::ReadRequest& request, bool endless,
                      grpc::ServerWriter<v1::ReadResponse>* writer);

  FakeServer& server_;
};

}  // namespace tidemark::testing
