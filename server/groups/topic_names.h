// Topic names of a group: which topics it reads.
//
// Terms. Pattern: a name that ends in '*' stands for every topic that begins with what is before
// it,
//        also for those that are made later. "*" stands for all.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/log/catalog.h"

namespace tidemark::groups {

bool IsPattern(absl::string_view name);

// True if one of `names` is `topic` or stands for it.
bool Reads(const std::vector<std::string>& names, absl::string_view topic);

// The topics that exist and that `names` stand for, by name, each once.
std::vector<log::TopicPtr> TopicsOf(const log::Catalog& catalog,
                                    const std::vector<std::string>& names);

// The first of `names` that is no pattern and has no topic; empty: there is none.
std::string MissingTopic(const log::Catalog& catalog, const std::vector<std::string>& names);

}  // namespace tidemark::groups
