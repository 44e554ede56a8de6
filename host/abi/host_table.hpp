// What plugins get of the host: the bootstrap struct and the search for service tables.
#pragma once

#include <span>
#include <string_view>

struct tomada_host;  // plugin.h

namespace tomada::abi {

/// Lives as long as the process.
const tomada_host& host_table();

/// The ids that this version of the host serves; a plugin that requires another is refused (P14).
std::span<const std::string_view> known_services();

}  // namespace tomada::abi
