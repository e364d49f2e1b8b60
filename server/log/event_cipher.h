// EventCipher: events as topics with encrypt_by_key store them.
//
// Format.    An encrypted batch (BatchHeader::encrypted) holds entries of `events` as any other;
//            but each event begins with a field 14 that is ours: empty if the event has no data,
//            else
//              id of the entity's key 16 | nonce 12 | tag 16
//            and the content of its data field is encrypted in place by AES-256-GCM, bound to log
//            and offset. Whatever fields a client sent come behind it. So types, keys and whether
//            there is data can be seen without a key, and what is opened is bit by bit what was
//            appended. Blanks stay blanks. 46 bytes an event.
// Where.     Batches are sealed when their commit is prepared, and opened by PartitionReader; the
//            tail has them open. The write-ahead log, files and backups never do.
// Threads.   Safe from any thread. May wait for the disk.
// Lifetime.  The vault outlives it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/storage/batch_codec.h"
#include "server/storage/key_vault.h"

namespace tidemark::log {

class EventCipher {
 public:
  // Null: there is no vault, and nothing can be sealed or opened.
  explicit EventCipher(storage::KeyVault* vault) : vault_(vault) {}

  // Events of one batch, to be sealed.
  struct Job {
    TopicId topic;
    LogId log;
    Offset base;
    absl::string_view events;  // Entries of `events`, checked when they came in.
    std::string sealed;        // The result.
  };
  // Keys that are missing are made for all of them with one write.
  absl::Status Seal(std::vector<Job>& jobs) const;

  // The batch as it was before it was sealed, with blanks for events whose key was destroyed: of an
  // erasure that the store knows, or that was after the backup it was restored from. Itself if it
  // is not encrypted. DATA_LOSS  it is malformed, or not what was sealed, or the vault lacks a key.
  absl::StatusOr<storage::BatchPtr> Open(const storage::BatchPtr& batch) const;

  // One event, without the head of an entry: as it would be in a batch, and back.
  absl::StatusOr<std::string> SealEvent(TopicId topic, LogId log, Offset offset,
                                        absl::string_view event) const;
  // NOT_FOUND  its key was destroyed.
  absl::StatusOr<std::string> OpenEvent(LogId log, Offset offset, absl::string_view sealed) const;

 private:
  storage::KeyVault* const vault_;
};

}  // namespace tidemark::log
