#include "server/rpc/paging.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"

namespace tidemark::rpc {
namespace {

constexpr absl::string_view kTokenPrefix = "after:";
constexpr size_t kDefaultPageSize = 100;

}  // namespace

std::string PageToken(absl::string_view last_name) {
  return absl::WebSafeBase64Escape(absl::StrCat(kTokenPrefix, last_name));
}

absl::StatusOr<std::string> NameFromPageToken(absl::string_view token) {
  if (token.empty()) return std::string();
  std::string text;
  absl::string_view name;
  if (absl::WebSafeBase64Unescape(token, &text)) {
    name = text;
    if (absl::ConsumePrefix(&name, kTokenPrefix)) return std::string(name);
  }
  return InvalidField("page_token", "is not a token of this server. Begin again without one");
}

absl::StatusOr<size_t> PageSize(uint32_t asked, const RpcLimits& limits) {
  if (asked == 0) return kDefaultPageSize;
  if (asked > limits.page_size_max) {
    return OverLimit("page_size", "page_size_max", limits.page_size_max, asked, "entries");
  }
  return asked;
}

}  // namespace tidemark::rpc
