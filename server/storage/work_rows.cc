#include "server/storage/work_rows.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/crc32c.h"
#include "server/storage/coding.h"

namespace tidemark::storage {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 5;

constexpr uint64_t kBlocksKey = 1;
constexpr uint64_t kRedrive = 2;
constexpr uint64_t kHasEvent = 4;
constexpr uint64_t kSealed = 8;
constexpr uint64_t kFlagsMax = 15;

absl::Status Damaged(absl::string_view kind, absl::string_view why) {
  return absl::DataLossError(absl::StrCat("damaged ", kind, ": ", why));
}

std::string WithHead(const std::string& content) {
  std::string out(1, static_cast<char>(kVersion));
  out.reserve(kHeadBytes + content.size());
  AppendLittle32(out, base::Crc32c(content));
  out += content;
  return out;
}

// The content behind the head.
absl::StatusOr<absl::string_view> WithoutHead(absl::string_view kind, absl::string_view bytes) {
  if (bytes.size() < kHeadBytes) return Damaged(kind, "it is too short");
  if (static_cast<uint8_t>(bytes[0]) != kVersion) {
    return Damaged(kind, absl::StrCat("version ", static_cast<uint8_t>(bytes[0])));
  }
  const absl::string_view content = bytes.substr(kHeadBytes);
  if (LoadLittle32(bytes.data() + 1) != base::Crc32c(content)) {
    return Damaged(kind, "its checksum does not match");
  }
  return content;
}

// Takes a stretch off the front: how far behind `last` it begins, and how long it is.
bool TakeStretch(absl::string_view& bytes, uint32_t& last, uint32_t& from, uint32_t& until) {
  uint64_t gap = 0;
  uint64_t length = 0;
  if (!TakeVarint(bytes, gap) || !TakeVarint(bytes, length)) return false;
  if (gap > kWorkBlockOffsets || length == 0 || length > kWorkBlockOffsets) return false;
  if (last + gap + length > kWorkBlockOffsets) return false;
  from = last + static_cast<uint32_t>(gap);
  until = from + static_cast<uint32_t>(length);
  last = until;
  return true;
}

bool TakeTried(absl::string_view& bytes, uint32_t& last, WorkBlock::Tried& tried) {
  uint64_t attempts = 0;
  if (!TakeStretch(bytes, last, tried.from, tried.until)) return false;
  if (!TakeVarint(bytes, attempts) || attempts == 0 || attempts > UINT32_MAX) return false;
  tried.attempts = static_cast<uint32_t>(attempts);
  return TakeVarint(bytes, tried.first_us) && TakeVarint(bytes, tried.due_us);
}

bool TakeText(absl::string_view& bytes, std::string& text) {
  uint64_t size = 0;
  if (!TakeVarint(bytes, size) || size > bytes.size()) return false;
  text.assign(bytes.data(), size);
  bytes.remove_prefix(size);
  return true;
}

void AppendText(std::string& out, absl::string_view text) {
  AppendVarint(out, text.size());
  out.append(text.data(), text.size());
}

bool TakeLetter(absl::string_view bytes, DeadLetter& letter) {
  uint64_t flags = 0;
  uint64_t attempts = 0;
  if (!TakeVarint(bytes, flags) || flags > kFlagsMax) return false;
  if (!TakeVarint(bytes, attempts) || attempts > UINT32_MAX) return false;
  letter.attempts = static_cast<uint32_t>(attempts);
  if (!TakeVarint(bytes, letter.first_us) || !TakeVarint(bytes, letter.dead_us)) return false;
  for (std::string* text : {&letter.reason, &letter.last_client, &letter.type, &letter.key}) {
    if (!TakeText(bytes, *text)) return false;
  }
  letter.blocks_key = (flags & kBlocksKey) != 0;
  letter.event_sealed = (flags & kSealed) != 0;
  if ((flags & kRedrive) != 0) {
    letter.redrive = DeadLetter::Redrive{};
    if (!TakeVarint(bytes, letter.redrive->due_us)) return false;
    if (!TakeVarint(bytes, attempts) || attempts > UINT32_MAX) return false;
    letter.redrive->attempts_before = static_cast<uint32_t>(attempts);
  }
  if ((flags & kHasEvent) != 0) {
    letter.event.emplace();
    if (!TakeText(bytes, *letter.event)) return false;
  }
  return bytes.empty();
}

}  // namespace

std::string EncodeWorkBlock(const WorkBlock& block) {
  std::string content;
  uint32_t last = 0;
  AppendVarint(content, block.done.size());
  for (const WorkBlock::Done& done : block.done) {
    AppendVarint(content, done.from - last);
    AppendVarint(content, done.until - done.from);
    last = done.until;
  }
  last = 0;
  AppendVarint(content, block.tried.size());
  for (const WorkBlock::Tried& tried : block.tried) {
    AppendVarint(content, tried.from - last);
    AppendVarint(content, tried.until - tried.from);
    AppendVarint(content, tried.attempts);
    AppendVarint(content, tried.first_us);
    AppendVarint(content, tried.due_us);
    last = tried.until;
  }
  return WithHead(content);
}

absl::StatusOr<WorkBlock> DecodeWorkBlock(absl::string_view bytes) {
  constexpr char kKind[] = "work block";
  absl::StatusOr<absl::string_view> content = WithoutHead(kKind, bytes);
  if (!content.ok()) return content.status();
  WorkBlock block;
  uint64_t count = 0;
  uint32_t last = 0;
  if (!TakeVarint(*content, count) || count > kWorkBlockOffsets) return Damaged(kKind, "done");
  for (; count > 0; --count) {
    WorkBlock::Done& done = block.done.emplace_back();
    if (!TakeStretch(*content, last, done.from, done.until)) return Damaged(kKind, "done");
  }
  last = 0;
  if (!TakeVarint(*content, count) || count > kWorkBlockOffsets) return Damaged(kKind, "tried");
  for (; count > 0; --count) {
    if (!TakeTried(*content, last, block.tried.emplace_back())) return Damaged(kKind, "tried");
  }
  if (!content->empty()) return Damaged(kKind, "it is too long");
  auto done = block.done.begin();
  for (const WorkBlock::Tried& tried : block.tried) {
    while (done != block.done.end() && done->until <= tried.from) ++done;
    if (done != block.done.end() && done->from < tried.until) {
      return Damaged(kKind, "an offset is done and not done");
    }
  }
  return block;
}

std::string EncodeDeadLetter(const DeadLetter& letter) {
  std::string content;
  AppendVarint(content, (letter.blocks_key ? kBlocksKey : 0) |
                            (letter.redrive.has_value() ? kRedrive : 0) |
                            (letter.event.has_value() ? kHasEvent : 0) |
                            (letter.event_sealed ? kSealed : 0));
  AppendVarint(content, letter.attempts);
  AppendVarint(content, letter.first_us);
  AppendVarint(content, letter.dead_us);
  for (const std::string* text : {&letter.reason, &letter.last_client, &letter.type, &letter.key}) {
    AppendText(content, *text);
  }
  if (letter.redrive.has_value()) {
    AppendVarint(content, letter.redrive->due_us);
    AppendVarint(content, letter.redrive->attempts_before);
  }
  if (letter.event.has_value()) AppendText(content, *letter.event);
  return WithHead(content);
}

absl::StatusOr<DeadLetter> DecodeDeadLetter(absl::string_view bytes) {
  constexpr char kKind[] = "dead letter";
  const absl::StatusOr<absl::string_view> content = WithoutHead(kKind, bytes);
  if (!content.ok()) return content.status();
  DeadLetter letter;
  if (!TakeLetter(*content, letter)) return Damaged(kKind, "a field");
  return letter;
}

}  // namespace tidemark::storage
