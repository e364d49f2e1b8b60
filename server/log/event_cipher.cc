#include "server/log/event_cipher.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "server/base/aes_gcm.h"
#include "server/base/check.h"
#include "server/base/crc32c.h"
#include "server/log/blanks.h"
#include "server/log/event_scan.h"
#include "server/log/wire.h"

namespace tidemark::log {
namespace {

using storage::EntityKeyPtr;

constexpr uint32_t kSealField = 14;
constexpr char kSealTag = kSealField << 3 | static_cast<char>(WireType::kBytes);
constexpr size_t kIdBytes = 16;
constexpr size_t kSealBytes = kIdBytes + base::kAesNonceBytes + base::kAesTagBytes;
constexpr size_t kSealHeadBytes = 2;  // Tag and length.

// Random nonces, many at a time: one call for 12 bytes costs more than to encrypt an event.
class Nonces {
 public:
  absl::string_view Next() {
    if (at_ == sizeof(bytes_)) {
      base::FillRandom(bytes_, sizeof(bytes_));
      at_ = 0;
    }
    at_ += base::kAesNonceBytes;
    return absl::string_view(&bytes_[at_ - base::kAesNonceBytes], base::kAesNonceBytes);
  }

 private:
  char bytes_[64 * base::kAesNonceBytes];
  size_t at_ = sizeof(bytes_);
};

// What an event's data is bound to: nobody can move it elsewhere unnoticed.
struct Place {
  Place(LogId log, Offset offset) {
    for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(log.value() >> (8 * i));
    for (int i = 0; i < 8; ++i) bytes[4 + i] = static_cast<char>(offset.value() >> (8 * i));
  }
  absl::string_view view() const { return absl::string_view(bytes, sizeof(bytes)); }
  char bytes[12];
};

// Calls visit(begin, size) for the content of each data field of `event`; it is one for all that
// Protobuf's own encoders make. False: the event is malformed.
template <typename Visit>
bool ForData(absl::string_view event, Visit visit) {
  WireReader reader(event);
  WireField field;
  while (reader.Next(field)) {
    if (field.number != kEventDataField || field.type != WireType::kBytes) continue;
    visit(static_cast<size_t>(field.bytes.data() - event.data()), field.bytes.size());
  }
  return reader.ok();
}

uint64_t DataBytes(absl::string_view event) {
  uint64_t bytes = 0;
  TM_CHECK(ForData(event, [&](size_t, size_t size) { bytes += size; }));
  return bytes;
}

// Appends the sealed form of an event; without data no key is needed.
void AppendSealed(base::AesGcm& cipher, Nonces& nonces, const storage::EntityKey* key, Place place,
                  absl::string_view event, std::string& out) {
  out.push_back(kSealTag);
  if (key == nullptr) {
    out.push_back(0);
    out.append(event.data(), event.size());
    return;
  }
  out.push_back(static_cast<char>(kSealBytes));
  out.append(key->id().data(), key->id().size());
  const absl::string_view nonce = nonces.Next();
  out.append(nonce.data(), nonce.size());
  const size_t tag = out.size();
  out.append(base::kAesTagBytes, '\0');
  const size_t begin = out.size();
  out.append(event.data(), event.size());
  cipher.BeginSeal(key->secret(), nonce, place.view());
  ForData(event,
          [&](size_t at, size_t size) { cipher.Update(event.substr(at, size), &out[begin + at]); });
  cipher.FinishSeal(&out[tag]);
}

absl::Status Malformed(LogId log, Offset offset) {
  return absl::DataLossError(absl::StrCat("the encrypted event at offset ", offset.value(),
                                          " of log ", log.value(), " is malformed"));
}

// Opens events one after another.
class Opener {
 public:
  Opener(const storage::KeyVault& vault, LogId log) : vault_(vault), log_(log) {}

  // Takes the seal off the front of `sealed` and says how many bytes the event has.
  absl::Status TakeSeal(Offset offset, absl::string_view& sealed) {
    seal_ = {};
    if (sealed.size() < kSealHeadBytes || sealed[0] != kSealTag) return Malformed(log_, offset);
    const auto size = static_cast<unsigned char>(sealed[1]);
    sealed.remove_prefix(kSealHeadBytes);
    if ((size != 0 && size != kSealBytes) || sealed.size() < size) return Malformed(log_, offset);
    seal_ = sealed.substr(0, size);
    sealed.remove_prefix(size);
    return absl::OkStatus();
  }

  // Appends the event behind the seal that was taken.
  // NOT_FOUND  the key was destroyed; nothing was appended.
  absl::Status Append(Offset offset, absl::string_view event, std::string& out) {
    if (absl::Status found = FindKey(); !found.ok()) return found;
    const size_t begin = out.size();
    out.append(event.data(), event.size());
    if (seal_.empty()) return absl::OkStatus();
    cipher_.BeginOpen(key_->secret(), seal_.substr(kIdBytes, base::kAesNonceBytes),
                      Place(log_, offset).view());
    const bool walked = ForData(event, [&](size_t at, size_t size) {
      cipher_.Update(event.substr(at, size), &out[begin + at]);
    });
    if (!walked) return Malformed(log_, offset);
    if (cipher_.FinishOpen(seal_.substr(kIdBytes + base::kAesNonceBytes))) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("the event at offset ", offset.value(), " of log ",
                                            log_.value(), " is not what was encrypted"));
  }

 private:
  absl::Status FindKey() {
    const absl::string_view id = seal_.substr(0, kIdBytes);
    if (seal_.empty() || (key_ != nullptr && key_->id() == id)) return absl::OkStatus();
    absl::StatusOr<EntityKeyPtr> key = vault_.Find(id);
    if (!key.ok()) return key.status();
    key_ = *std::move(key);
    return absl::OkStatus();
  }

  const storage::KeyVault& vault_;
  const LogId log_;
  base::AesGcm cipher_;
  EntityKeyPtr key_;  // Of the event before.
  absl::string_view seal_;
};

absl::Status NoVault() {
  return absl::FailedPreconditionError("there is no vault of keys; set master_key_file");
}

}  // namespace

absl::Status EventCipher::Seal(std::vector<Job>& jobs) const {
  if (vault_ == nullptr) return NoVault();
  std::vector<storage::KeyVault::Entity> entities;
  absl::flat_hash_map<storage::KeyVault::Entity, size_t> places;
  std::vector<std::vector<size_t>> keys_of(jobs.size());  // Of each event; SIZE_MAX: no data.
  for (size_t j = 0; j < jobs.size(); ++j) {
    WireReader reader(jobs[j].events);
    WireField entry;
    while (reader.Next(entry)) {
      if (DataBytes(entry.bytes) == 0) {
        keys_of[j].push_back(SIZE_MAX);
        continue;
      }
      EventView view;
      TM_CHECK(ViewEvent(entry.bytes, view).ok());  // Checked when it came in.
      const auto [it, is_new] = places.try_emplace({jobs[j].topic, view.key}, entities.size());
      if (is_new) entities.push_back(it->first);
      keys_of[j].push_back(it->second);
    }
  }
  absl::StatusOr<std::vector<EntityKeyPtr>> keys = vault_->KeysFor(entities);
  if (!keys.ok()) return keys.status();
  base::AesGcm cipher;
  Nonces nonces;
  for (size_t j = 0; j < jobs.size(); ++j) {
    Job& job = jobs[j];
    job.sealed.reserve(job.events.size() + keys_of[j].size() * (kSealHeadBytes + kSealBytes + 1));
    WireReader reader(job.events);
    WireField entry;
    for (size_t i = 0; reader.Next(entry); ++i) {
      const size_t at = keys_of[j][i];
      const storage::EntityKey* key = at == SIZE_MAX ? nullptr : (*keys)[at].get();
      const size_t seal = kSealHeadBytes + (key == nullptr ? 0 : kSealBytes);
      AppendBytesHeader(job.sealed, kEventsField, seal + entry.bytes.size());
      AppendSealed(cipher, nonces, key, Place(job.log, job.base + i), entry.bytes, job.sealed);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<storage::BatchPtr> EventCipher::Open(const storage::BatchPtr& batch) const {
  if (!batch->header.encrypted) return batch;
  if (vault_ == nullptr) return NoVault();
  auto bytes = std::make_shared<std::string>();
  bytes->reserve(batch->events.size());
  Opener opener(*vault_, batch->header.log);
  WireReader reader(batch->events);
  WireField entry;
  Offset offset = batch->header.base_offset;
  bool has_erased = batch->header.has_erased;
  for (; reader.Next(entry); ++offset) {
    if (IsBlank(entry.bytes)) {
      bytes->append(entry.whole.data(), entry.whole.size());
      continue;
    }
    absl::string_view event = entry.bytes;
    if (absl::Status taken = opener.TakeSeal(offset, event); !taken.ok()) return taken;
    const size_t begin = bytes->size();
    AppendBytesHeader(*bytes, kEventsField, event.size());
    const absl::Status opened = opener.Append(offset, event, *bytes);
    if (absl::IsNotFound(opened)) {
      bytes->resize(begin);
      AppendBytesHeader(*bytes, kEventsField, kErasedBlank.size());
      has_erased = true;
    } else if (!opened.ok()) {
      return opened;
    }
  }
  if (!reader.ok() || offset != batch->header.end_offset()) {
    return Malformed(batch->header.log, offset);
  }
  auto opened = std::make_shared<storage::StoredBatch>();
  opened->header = batch->header;
  opened->header.encrypted = false;
  opened->header.has_erased = has_erased;
  opened->header.events_bytes = static_cast<uint32_t>(bytes->size());
  opened->header.events_crc32c = base::Crc32c(*bytes);
  opened->events = *bytes;
  opened->owner = std::move(bytes);
  return storage::BatchPtr(std::move(opened));
}

absl::StatusOr<std::string> EventCipher::SealEvent(TopicId topic, LogId log, Offset offset,
                                                   absl::string_view event) const {
  if (vault_ == nullptr) return NoVault();
  EventView view;
  if (absl::Status viewed = ViewEvent(event, view); !viewed.ok()) return viewed;
  EntityKeyPtr key;
  if (DataBytes(event) > 0) {
    absl::StatusOr<std::vector<EntityKeyPtr>> keys = vault_->KeysFor({{topic, view.key}});
    if (!keys.ok()) return keys.status();
    key = keys->front();
  }
  base::AesGcm cipher;
  Nonces nonces;
  std::string sealed;
  AppendSealed(cipher, nonces, key.get(), Place(log, offset), event, sealed);
  return sealed;
}

absl::StatusOr<std::string> EventCipher::OpenEvent(LogId log, Offset offset,
                                                   absl::string_view sealed) const {
  if (vault_ == nullptr) return NoVault();
  Opener opener(*vault_, log);
  if (absl::Status taken = opener.TakeSeal(offset, sealed); !taken.ok()) return taken;
  std::string event;
  if (absl::Status opened = opener.Append(offset, sealed, event); !opened.ok()) return opened;
  return event;
}

}  // namespace tidemark::log
