#include "tests/support/log_harness.h"

#include <deque>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/aes_gcm.h"
#include "server/base/crc32c.h"

namespace tidemark::testing {

log::AppendRequest MakeRequest(log::TopicPtr topic, const std::vector<Part>& parts,
                               std::optional<log::ProducerSequence> producer) {
  log::AppendRequest request{.topic = std::move(topic), .producer = std::move(producer)};
  struct Owner {
    std::string bytes;
    std::deque<std::string> without_data;
  };
  auto owner = std::make_shared<Owner>();
  for (const Part& part : parts) owner->bytes.append(EncodeEvents(part.events));
  const absl::string_view bytes = owner->bytes;
  size_t at = 0;
  for (const Part& part : parts) {
    log::PartitionEvents& events = request.parts.emplace_back();
    events.partition = PartitionIndex(part.partition);
    events.count = static_cast<uint32_t>(part.events.size());
    const size_t begin = at;
    // The first half is one run, the others are runs of their own, as keys may scatter them, and
    // each fifth of these is cut, as a transport may cut it.
    for (size_t i = 0; i < part.events.size(); ++i) {
      const size_t size = EncodeEntry(part.events[i]).size();
      const bool joins = i > 0 && i < part.events.size() / 2;
      if (joins) {
        absl::string_view& run = events.runs.back();
        run = absl::string_view(run.data(), run.size() + size);
      } else if (i % 5 == 4) {
        TestEvent without_data = part.events[i];
        without_data.data.clear();
        owner->without_data.push_back(Encode(without_data));
        events.cut.push_back({.run = events.runs.size(),
                              .runs = 2,
                              .bytes = size,
                              .without_data = owner->without_data.back()});
        events.runs.push_back(bytes.substr(at, size / 2));
        events.runs.push_back(bytes.substr(at + size / 2, size - size / 2));
      } else {
        events.runs.push_back(bytes.substr(at, size));
      }
      at += size;
    }
    events.bytes = at - begin;
  }
  request.bytes = bytes.size();
  request.fingerprint = base::Crc32c(bytes);
  request.owner = std::move(owner);
  return request;
}

log::AppendRequest MakeTransaction(std::vector<log::AppendRequest> requests,
                                   std::optional<log::ProducerSequence> producer) {
  log::AppendRequest transaction{.topic = nullptr, .producer = std::move(producer)};
  auto owners = std::make_shared<std::vector<std::shared_ptr<const void>>>();
  for (log::AppendRequest& request : requests) {
    for (log::PartitionEvents& part : request.parts) {
      part.topic = request.topic;
      transaction.parts.push_back(std::move(part));
    }
    transaction.bytes += request.bytes;
    transaction.fingerprint = transaction.fingerprint * 31 + request.fingerprint;
    owners->push_back(std::move(request.owner));
  }
  transaction.owner = std::move(owners);
  return transaction;
}

absl::StatusOr<std::vector<ReadEvent>> EventsOf(const storage::StoredBatch& batch) {
  const auto decoded = DecodeEvents(batch.events);
  if (!decoded.has_value()) return absl::DataLossError("a batch does not decode");
  if (decoded->size() != batch.header.count) {
    return absl::DataLossError(
        absl::StrCat("a batch of ", batch.header.count, " events has ", decoded->size()));
  }
  std::vector<ReadEvent> events;
  for (size_t i = 0; i < decoded->size(); ++i) {
    events.push_back({batch.header.base_offset + i, (*decoded)[i]});
  }
  return events;
}

std::string MasterKeyLine(absl::string_view name) {
  return absl::StrCat(name, " ",
                      absl::BytesToHexString(base::HmacSha256("master key of a test", name)), "\n");
}

LogHarness::LogHarness(Options options) : options_(std::move(options)) {
  if (has_vault()) std::ofstream(master_key_file()) << MasterKeyLine("first");
}

absl::Status LogHarness::Open() {
  metrics_ = std::make_unique<metrics::Metrics>();
  absl::StatusOr<std::unique_ptr<storage::Store>> store = storage::Store::Open(options_.store);
  if (!store.ok()) return store.status();
  store_ = *std::move(store);
  if (has_vault()) {
    absl::StatusOr<std::unique_ptr<storage::KeyVault>> vault =
        storage::OpenVault(*store_, options_.store.path, master_key_file(), options_.store.env);
    if (!vault.ok()) {
      store_.reset();
      return vault.status();
    }
    vault_ = *std::move(vault);
  }
  absl::StatusOr<std::unique_ptr<log::EventLog>> log =
      log::EventLog::Open(options_.log, *store_, clock_, *metrics_, vault_.get());
  if (!log.ok()) {
    vault_.reset();
    store_.reset();
    return log.status();
  }
  log_ = *std::move(log);
  if (options_.starts_eraser) log_->eraser().Start();
  return absl::OkStatus();
}

void LogHarness::Close() {
  log_.reset();
  vault_.reset();
  store_.reset();
}

absl::StatusOr<log::TopicPtr> LogHarness::CreateTopic(std::string name,
                                                      storage::TopicConfig config) {
  config.encrypt_by_key = config.encrypt_by_key || options_.encrypt;
  return log::Await<log::TopicPtr>(
      [&](auto done) { log_->CreateTopic(std::move(name), std::move(config), std::move(done)); });
}

absl::Status LogHarness::DeleteTopic(std::string name) {
  return log::AwaitDone([&](auto done) { log_->DeleteTopic(std::move(name), std::move(done)); });
}

absl::StatusOr<log::AppendResult> LogHarness::Append(log::AppendRequest request) {
  return log::Await<log::AppendResult>(
      [&](auto done) { log_->Append(std::move(request), std::move(done)); });
}

absl::StatusOr<log::AppendResult> LogHarness::Append(const log::TopicPtr& topic, uint32_t partition,
                                                     std::vector<TestEvent> events) {
  return Append(MakeRequest(topic, {{partition, std::move(events)}}));
}

absl::StatusOr<std::vector<ReadEvent>> LogHarness::ReadAll(const log::Topic& topic,
                                                           uint32_t partition,
                                                           std::optional<Offset> from) {
  absl::StatusOr<log::PartitionPtr> opened = log_->OpenPartition(topic, PartitionIndex(partition));
  if (!opened.ok()) return opened.status();
  const log::Partition::Ends ends = (*opened)->ends();
  std::vector<ReadEvent> all;
  for (Offset next = from.value_or(ends.start); next < ends.end;) {
    absl::StatusOr<log::PartitionRead> read =
        log_->reader().Read(**opened, next, ends.end, 4096, log::MayWait::kYes);
    if (!read.ok()) return read.status();
    if (read->state != log::PartitionRead::State::kBatches) {
      return absl::DataLossError(
          absl::StrCat("no batches at offset ", next.value(), " before ", ends.end.value()));
    }
    for (const storage::BatchPtr& batch : read->batches) {
      absl::StatusOr<std::vector<ReadEvent>> events = EventsOf(*batch);
      if (!events.ok()) return events.status();
      for (ReadEvent& event : *events) {
        if (event.offset < next) continue;
        if (event.offset != next) {
          return absl::DataLossError(absl::StrCat("offset ", event.offset.value(), " follows ",
                                                  next.value(), ", which is missing"));
        }
        ++next;
        all.push_back(std::move(event));
      }
    }
  }
  return all;
}

PipelinePause::PipelinePause(log::EventLog& log) {
  log.Mutate({.prepare =
                  [this](storage::WriteSet&) {
                    entered_.Notify();
                    go_.WaitForNotification();
                    return absl::OkStatus();
                  },
              .publish = [] {},
              .done = [this](absl::Status) { done_.Notify(); }});
  entered_.WaitForNotification();
}

void PipelinePause::Resume() {
  if (go_.HasBeenNotified()) return;
  go_.Notify();
  done_.WaitForNotification();
}

}  // namespace tidemark::testing
