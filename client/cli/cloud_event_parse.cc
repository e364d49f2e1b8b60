#include "client/cli/cloud_event_parse.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/content_type.h"
#include "client/cli/time_text.h"
#include "client/cli/tracked_iterator.h"
#include "client/cli/utf8.h"

namespace tidemark::cli {
namespace {

enum class Member {
  kSpecVersion,
  kId,
  kSource,
  kType,
  kSubject,
  kTime,
  kDataContentType,
  kData,
  kDataBase64,
  kDropped,
  kExtension,
};

struct NamedMember {
  absl::string_view name;
  Member member;
};

constexpr NamedMember kMembers[] = {
    {"specversion", Member::kSpecVersion},
    {"id", Member::kId},
    {"source", Member::kSource},
    {"type", Member::kType},
    {"subject", Member::kSubject},
    {"time", Member::kTime},
    {"datacontenttype", Member::kDataContentType},
    {"data", Member::kData},
    {"data_base64", Member::kDataBase64},
    {kPartitionAttribute, Member::kDropped},
    {kOffsetAttribute, Member::kDropped},
    {kAppendTimeAttribute, Member::kDropped},
};

Member MemberOf(absl::string_view name) {
  for (const NamedMember& known : kMembers) {
    if (known.name == name) return known.member;
  }
  return Member::kExtension;
}

// Receives what nlohmann's parser finds, and fills an event. Members of the object on the outside
// have depth 1; everything deeper is data, whose text is cut out as a whole.
class EventBuilder {
 public:
  // The parser moves `*place`; `event` is cleared.
  EventBuilder(const char** place, Event* event) : place_(place), event_(event) {
    // Keeps the memory of the strings: events of a file are much alike.
    for (std::string* text : {&event_->id, &event_->type, &event_->source, &event_->key,
                              &event_->content_type, &event_->data}) {
      text->clear();
    }
    event_->time.reset();
    event_->attributes.clear();
  }

  absl::Status Finish();

  // The interface of nlohmann's SAX parser; false stops it.
  bool null() { return Scalar("null", /*is_string=*/false); }
  bool boolean(bool value) { return Scalar(value ? "true" : "false", /*is_string=*/false); }
  bool number_integer(int64_t value) {
    return depth_ > 1 || Scalar(std::to_string(value), /*is_string=*/false);
  }
  bool number_unsigned(uint64_t value) {
    return depth_ > 1 || Scalar(std::to_string(value), /*is_string=*/false);
  }
  bool number_float(double /*value*/, const std::string& text) {
    return Scalar(text, /*is_string=*/false);
  }
  bool string(std::string& value) { return Scalar(value, /*is_string=*/true); }
  bool binary(nlohmann::json::binary_t& /*value*/) { return Fail("binary values are not JSON"); }
  bool start_object(size_t /*members*/) { return Open(); }
  bool start_array(size_t /*elements*/) { return depth_ > 0 ? Open() : FailNoObject(); }
  bool end_object() { return Close(); }
  bool end_array() { return Close(); }
  bool key(std::string& name);
  bool parse_error(size_t column, const std::string& /*token*/,
                   const nlohmann::json::exception& error);

 private:
  bool Fail(absl::string_view message) {
    error_ = absl::InvalidArgumentError(message);
    return false;
  }
  bool FailNoObject() { return Fail("not a JSON object"); }
  bool Open();
  bool Close();
  bool Scalar(absl::string_view value, bool is_string);
  bool Attribute(absl::string_view value, bool is_string);
  bool SetText(absl::string_view value, bool is_string, std::string* field);
  bool SetTime(absl::string_view value);
  bool SetBase64(absl::string_view value);
  bool SetExtension(absl::string_view value);
  // The text of the value of the current member, up to the parser's place.
  absl::string_view ValueText() const;

  const char** place_;
  Event* event_;
  absl::Status error_;
  int depth_ = 0;
  Member member_ = Member::kDropped;
  std::string name_;
  // Just after the current member's name.
  const char* name_end_ = nullptr;
  uint32_t seen_ = 0;  // A bit for each Member.
  absl::string_view data_text_;
  bool data_is_string_ = false;
  std::string data_string_;
};

bool EventBuilder::key(std::string& name) {
  if (depth_ != 1) return true;
  member_ = MemberOf(name);
  name_ = name;
  name_end_ = *place_;
  if (member_ == Member::kExtension || member_ == Member::kDropped) return true;
  const uint32_t bit = uint32_t{1} << static_cast<int>(member_);
  if ((seen_ & bit) != 0) return Fail(absl::StrCat("\"", name_, "\" is there twice"));
  seen_ |= bit;
  return true;
}

bool EventBuilder::Open() {
  if (++depth_ != 2 || member_ == Member::kData || member_ == Member::kDropped) return true;
  return Fail(absl::StrCat("\"", name_, "\" is an object or an array; only \"data\" may be one"));
}

bool EventBuilder::Close() {
  if (--depth_ == 1 && member_ == Member::kData) data_text_ = ValueText();
  return true;
}

absl::string_view EventBuilder::ValueText() const {
  absl::string_view text(name_end_, static_cast<size_t>(*place_ - name_end_));
  text = absl::StripLeadingAsciiWhitespace(text);
  text.remove_prefix(1);  // ':'
  text = absl::StripLeadingAsciiWhitespace(text);
  // To find the end of a number the parser looks one character ahead.
  if (text[0] == '-' || absl::ascii_isdigit(text[0])) {
    text = text.substr(0, text.find_first_not_of("0123456789+-.eE"));
  }
  return text;
}

bool EventBuilder::Scalar(absl::string_view value, bool is_string) {
  if (depth_ == 0) return FailNoObject();
  if (depth_ > 1) return true;
  if (member_ != Member::kData) return Attribute(value, is_string);
  data_text_ = ValueText();
  data_is_string_ = is_string;
  if (is_string) data_string_.assign(value.data(), value.size());
  return true;
}

bool EventBuilder::Attribute(absl::string_view value, bool is_string) {
  // CloudEvents: an attribute that is null is absent.
  if (!is_string && value == "null") return true;
  switch (member_) {
    case Member::kSpecVersion:
      if (value == "1.0") return true;
      return Fail(absl::StrCat("\"specversion\" is not \"1.0\""));
    case Member::kId:
      return SetText(value, is_string, &event_->id);
    case Member::kSource:
      return SetText(value, is_string, &event_->source);
    case Member::kType:
      return SetText(value, is_string, &event_->type);
    case Member::kSubject:
      return SetText(value, is_string, &event_->key);
    case Member::kDataContentType:
      return SetText(value, is_string, &event_->content_type);
    case Member::kTime:
      return is_string ? SetTime(value) : Fail("\"time\" is not a string");
    case Member::kDataBase64:
      return is_string ? SetBase64(value) : Fail("\"data_base64\" is not a string");
    case Member::kExtension:
      return SetExtension(value);
    case Member::kDropped:
    case Member::kData:
      return true;
  }
  return true;
}

bool EventBuilder::SetText(absl::string_view value, bool is_string, std::string* field) {
  if (!is_string) return Fail(absl::StrCat("\"", name_, "\" is not a string"));
  if (!IsPlainText(value)) {
    return Fail(absl::StrCat("\"", name_, "\" has a control character in it"));
  }
  field->assign(value.data(), value.size());
  return true;
}

bool EventBuilder::SetTime(absl::string_view value) {
  const auto time = ParseRfc3339(value);
  if (!time.ok()) return Fail(absl::StrCat("\"time\": ", time.status().message()));
  event_->time = *time;
  return true;
}

bool EventBuilder::SetBase64(absl::string_view value) {
  if (absl::Base64Unescape(value, &event_->data)) return true;
  return Fail("\"data_base64\" is not Base64");
}

bool EventBuilder::SetExtension(absl::string_view value) {
  if (name_.empty()) return Fail("an attribute has no name");
  if (!IsPlainText(name_)) return Fail("the name of an attribute has a control character in it");
  if (!IsPlainText(value)) {
    return Fail(absl::StrCat("\"", name_, "\" has a control character in it"));
  }
  if (!event_->attributes.emplace(name_, value).second)
    return Fail(absl::StrCat("\"", name_, "\" is there twice"));
  return true;
}

bool EventBuilder::parse_error(size_t column, const std::string& /*token*/,
                               const nlohmann::json::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 1, column 9: syntax error while ...": the
  // part after the place is for people.
  absl::string_view reason = error.what();
  if (const size_t at = reason.find(": "); at != absl::string_view::npos) {
    reason.remove_prefix(at + 2);
  } else if (const size_t end = reason.find("] "); end != absl::string_view::npos) {
    reason.remove_prefix(end + 2);
  }
  return Fail(absl::StrCat("not valid JSON at column ", column, ": ", reason));
}

absl::Status EventBuilder::Finish() {
  if (!error_.ok()) return error_;
  if (event_->type.empty()) return absl::InvalidArgumentError("\"type\" is missing or empty");
  const bool has_data = data_text_.data() != nullptr;
  const uint32_t base64_bit = uint32_t{1} << static_cast<int>(Member::kDataBase64);
  if (!has_data) return absl::OkStatus();
  if ((seen_ & base64_bit) != 0) {
    return absl::InvalidArgumentError("both \"data\" and \"data_base64\" are there");
  }
  if (event_->content_type.empty()) event_->content_type = "application/json";
  if (data_is_string_ && !IsJsonContentType(event_->content_type)) {
    event_->data = std::move(data_string_);
  } else {
    event_->data.assign(data_text_.data(), data_text_.size());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseCloudEvent(absl::string_view line, Event* event) {
  const char* place = line.data();
  EventBuilder builder(&place, event);
  nlohmann::json::sax_parse(TrackedIterator(line.data(), &place),
                            TrackedIterator(line.data() + line.size(), &place), &builder);
  return builder.Finish();
}

bool IsReservedMember(absl::string_view name) { return MemberOf(name) != Member::kExtension; }

}  // namespace tidemark::cli
