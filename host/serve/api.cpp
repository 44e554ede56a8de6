#include "host/serve/api.hpp"

#include "host/serve/routes.hpp"

namespace tomada::serve {

Api::Api(const Parts& parts) : router_(make_router(parts)) {}
Api::~Api() = default;

Answer Api::answer(runtime::Task& task, const Request& request) const { return router_->answer(task, request); }

}  // namespace tomada::serve
