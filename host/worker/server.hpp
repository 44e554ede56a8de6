// The worker's side: loads one plugin, has its instances, runs its calls.
#pragma once

#include "host/abi/plugin.hpp"
#include "host/worker/channel.hpp"
#include "host/worker/start.hpp"

#include <functional>
#include <memory>

namespace tomada::worker {

struct Loaded {
  std::shared_ptr<abi::LoadedPlugin> plugin;
  std::string protections;  // in words, for the operator
};

/// On the loop of a process that does nothing else.
class Server final : Channel::Receiver {
 public:
  /// Says at once whether it is ready, or why the plugin could not be loaded. `ended`: the host is gone (UNAVAILABLE), or talks nonsense.
  Server(runtime::Loop& loop, int socket, const Start& start, Result<Loaded> loaded,
         std::function<void(const Error&)> ended);
  ~Server();

 private:
  struct Impl;
  Result<void> received(Kind kind, std::uint64_t id, std::string_view body) override;
  void closed(const Error& why) override;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tomada::worker
