#include "client/cpp/src/handler_run.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "absl/strings/str_cat.h"

namespace tidemark {
namespace {

constexpr absl::string_view kRetryAfterUrl = "tidemark.dev/retry-after";
constexpr absl::string_view kGiveUpUrl = "tidemark.dev/give-up";
constexpr absl::Duration kDelayMax = absl::Hours(24 * 366 * 10);  // The server's.

std::optional<absl::Duration> RetryDelayIn(const absl::Status& error) {
  const auto payload = error.GetPayload(kRetryAfterUrl);
  absl::Duration delay;
  if (!payload || !absl::ParseDuration(std::string(*payload), &delay)) return std::nullopt;
  return std::clamp(delay, absl::ZeroDuration(), kDelayMax);
}

bool IsGivenUp(const absl::Status& error) { return error.GetPayload(kGiveUpUrl).has_value(); }

constexpr size_t kReasonBytesMax = 1024;

// How many bytes the character at the front has; 0: it is not well-formed, or for no reader's eye.
size_t CharacterBytes(absl::string_view text) {
  const auto at = [text](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  if (at(0) < 0x80) return at(0) >= 0x20 && at(0) != 0x7f ? 1 : 0;
  const size_t size = at(0) >= 0xf0 ? 4 : at(0) >= 0xe0 ? 3 : 2;
  uint32_t point = at(0) & (0xffu >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    point = point << 6 | (at(i) & 0x3f);
  }
  const uint32_t least = size == 2 ? 0xa0 : size == 3 ? 0x800 : 0x10000;
  const bool surrogate = point >= 0xd800 && point < 0xe000;
  return at(0) < 0xc2 || point < least || point > 0x10ffff || surrogate ? 0 : size;
}

std::string PlainReason(absl::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const size_t size = CharacterBytes(text);
    if (plain.size() + std::max<size_t>(size, 1) > kReasonBytesMax) break;
    absl::StrAppend(&plain, size == 0 ? absl::string_view(" ") : text.substr(0, size));
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return plain;
}

}  // namespace

absl::Status RetryAfter(absl::Duration delay, absl::string_view reason) {
  absl::Status status = absl::UnavailableError(reason);
  status.SetPayload(kRetryAfterUrl, absl::Cord(absl::FormatDuration(delay)));
  return status;
}

absl::Status GiveUp(absl::string_view reason) {
  absl::Status status = absl::FailedPreconditionError(reason);
  status.SetPayload(kGiveUpUrl, absl::Cord());
  return status;
}

namespace internal {

absl::Status CallHandler(const Consumer::Handler& handler, const ReceivedEvent& event) {
  try {
    return handler(event);
  } catch (const EventFailure& thrown) {
    return thrown.status();
  } catch (const std::exception& thrown) {
    return absl::UnknownError(absl::StrCat("the handler threw: ", thrown.what()));
  } catch (...) {
    return absl::UnknownError("the handler threw what is no std::exception");
  }
}

Verdict JudgeFailure(const ConsumerOptions& options, const ReceivedEvent& event,
                     const absl::Status& error, uint32_t attempts) {
  if (options.retry.has_value() && attempts < options.retry->max_attempts.value_or(UINT32_MAX)) {
    const RetryPolicy& retry = *options.retry;
    const absl::Duration longest = retry.max_backoff.value_or(absl::Minutes(5));
    const absl::Duration pause = retry.initial_backoff.value_or(absl::Seconds(1)) *
                                 std::pow(retry.backoff_factor.value_or(2), attempts - 1);
    return {FailureAction::kRetry, std::min(pause, longest)};
  }
  const FailureAction action =
      options.on_handler_error ? options.on_handler_error(event, error) : FailureAction::kStop;
  return {action, options.retry_backoff};
}

FailureVerdict JudgeWork(const ConsumerOptions& options, const ReceivedEvent& event,
                         const absl::Status& error) {
  FailureVerdict verdict{.reason = PlainReason(error.message())};
  if (IsGivenUp(error)) {
    verdict.action = FailureAction::kDeadLetter;
  } else if (const auto delay = RetryDelayIn(error)) {
    verdict.delay = delay;
  } else if (options.on_handler_error) {
    verdict.action = options.on_handler_error(event, error);
  }
  return verdict;
}

}  // namespace internal
}  // namespace tidemark
