#include "examples/hr/demo/tally.h"

#include <fcntl.h>
#include <unistd.h>

namespace hr_example {

Tally::~Tally() {
  if (fd_ >= 0) close(fd_);
}

void Tally::Update() {
  if (fd_ < 0) fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) return;
  char buffer[65536];
  for (ssize_t bytes; (bytes = read(fd_, buffer, sizeof(buffer))) > 0;) {
    unfinished_line_.append(buffer, static_cast<size_t>(bytes));
  }
  size_t begin = 0;
  for (size_t end; (end = unfinished_line_.find('\n', begin)) != std::string::npos;) {
    const absl::string_view line(unfinished_line_.data() + begin, end - begin);
    ++counts_[line.substr(0, line.find('\t'))];
    ++lines_;
    begin = end + 1;
  }
  unfinished_line_.erase(0, begin);
}

size_t Tally::Count(absl::string_view word) const {
  const auto found = counts_.find(word);
  return found == counts_.end() ? 0 : found->second;
}

}  // namespace hr_example
