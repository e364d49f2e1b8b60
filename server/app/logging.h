// The server's log: text for people or one JSON object a line for machines, on standard error.
#pragma once

#include "server/config/settings.h"

namespace tidemark::app {

void SetUpLogging(const config::Settings& settings);

}  // namespace tidemark::app
