#include "host/cli/logging.hpp"

#include "host/base/encoding.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

namespace tomada::cli {
namespace {

/// One JSON object a line. A pattern cannot do this: it would not escape the message.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const auto time_ms = std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch()).count();
    const auto level = spdlog::level::to_string_view(message.level);
    nlohmann::ordered_json line;
    line["time"] = format_time(time_ms);
    line["level"] = std::string(level.data(), level.size());
    line["message"] = std::string(message.payload.data(), message.payload.size());
    const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

}  // namespace

void start_logging(const settings::Settings::Log& log, bool quiet) {
  auto logger = std::make_shared<spdlog::logger>("tomada", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
  const auto level = log.level == "warn" ? spdlog::level::warn : log.level == "error" ? spdlog::level::err
                                                                 : spdlog::level::from_str(log.level);
  logger->set_level(quiet ? std::max(level, spdlog::level::warn) : level);
  if (log.format == "json") {
    logger->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  }
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace tomada::cli
