#include "examples/hr/demo/keep.h"

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"

namespace hr_example {
namespace {

std::string WhatToTry(const Stage& stage, const std::string& bin, const std::string& directory) {
  return absl::StrCat(
      "\nThe server is still at ", stage.address(), ", its files in ", directory,
      ". In another terminal:\n\n"
      "  export PATH=",
      bin, ":$PATH TIDEMARK_SERVER=", stage.address(),
      "\n"
      "  tidemark topic show hr\n"
      "  tidemark read hr --key employee-10001\n"
      "  tidemark group show payroll\n"
      "  tidemark consume hr --group welcome-mail --type employee.created --limit 3\n"
      "  tidemark tail hr\n"
      "  echo '{\"type\":\"employee.created\",\"id\":\"me\",\"subject\":\"employee-1\"}' |"
      " tidemark append hr\n"
      "  tidemark-demo gift-cards --server ",
      stage.address(), " --ledger ", directory,
      "/gift-cards.ledger\n\n"
      "Ctrl-C ends the server; the files stay.\n");
}

}  // namespace

absl::Status KeepServing(Stage* stage, Narrator* narrator) {
  stage->workspace().Keep();
  const std::string& directory = stage->workspace().path();
  const std::string bin = std::filesystem::path(stage->program()).parent_path().string();
  narrator->Print(WhatToTry(*stage, bin, directory));
  if (absl::Status status = stage->WaitForInterrupt(); !status.ok()) return status;
  if (absl::Status status = stage->StopServer(); !status.ok()) return status;
  narrator->Print(absl::StrCat("\nTo serve the same events again:\n  ", bin, "/tidemarkd --data ",
                               directory, "/data\n"));
  return absl::OkStatus();
}

}  // namespace hr_example
