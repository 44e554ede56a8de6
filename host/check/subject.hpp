// The file that is checked: its manifest, its bytes where nobody changes them, a worker with it.
#pragma once

#include "host/abi/manifest.hpp"
#include "host/cage/descriptor.hpp"
#include "host/check/trial.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace tomada::check {

struct Subject {
  abi::Manifest manifest;
  std::string sha256;
  std::shared_ptr<const cage::Descriptor> plugin;  // sealed; shared by the processes of all tests

  /// INVALID_DATA: the first rule that refuses it. NOT_FOUND, UNAVAILABLE: it cannot be read.
  static Result<Subject> open(const std::filesystem::path& file);
  /// CONFLICT: the file is not what it was when `sha256` was taken.
  static Result<Subject> seal(const std::filesystem::path& file, abi::Manifest manifest, const std::string& sha256);

  /// Without configuration, credentials and recording.
  [[nodiscard]] Setup setup() const;
  [[nodiscard]] Result<std::shared_ptr<worker::Link>> start_worker(runtime::Task& task, const std::filesystem::path& program,
                                                                   runtime::Metrics& metrics) const;
};

}  // namespace tomada::check
