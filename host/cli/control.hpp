// How a command speaks to a host: over its control socket, or to one inside this process.
#pragma once

#include "host/base/result.hpp"
#include "host/serve/message.hpp"

#include <filesystem>
#include <memory>

namespace tomada::cli {

class Control {
 public:
  virtual ~Control() = default;
  /// The request's origin is Origin::control. An error means that no answer came.
  virtual Result<serve::Answer> call(const serve::Request& request) = 0;
};

/// nullptr: no host answers there. UNAVAILABLE: one may, but this user cannot reach it.
Result<std::unique_ptr<Control>> open_socket_control(const std::filesystem::path& socket);

}  // namespace tomada::cli
