// The API of a host as one object: requests in, answers out. main() puts a server or the commands before it.
#pragma once

#include "host/runtime/task.hpp"
#include "host/serve/message.hpp"
#include "host/serve/parts.hpp"

#include <memory>

namespace tomada::serve {

class Router;

/// Any loop may ask.
class Api {
 public:
  explicit Api(const Parts& parts);
  ~Api();

  /// Always an answer. The task needs a stack of k_handler_stack_bytes.
  Answer answer(runtime::Task& task, const Request& request) const;

 private:
  std::unique_ptr<Router> router_;
};

}  // namespace tomada::serve
