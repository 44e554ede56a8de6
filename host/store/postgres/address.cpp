#include "host/store/postgres/address.hpp"

#include <boost/asio/ip/address.hpp>
#include <libpq-fe.h>

#include <array>
#include <map>
#include <memory>
#include <utility>

namespace tomada::store::postgres {
namespace {

constexpr const char* k_system_authorities = "/etc/ssl/certs/ca-certificates.crt";  // Debian's ca-certificates

using Options = std::map<std::string, std::string>;

Result<Options> parse(const std::string& url) {
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(PQconninfoParse(url.c_str(), &message), &PQconninfoFree);
  if (parsed == nullptr) {
    PQfreemem(message);  // it may repeat the URL, password and all
    return fail(Errc::invalid_config,
                "the store's address is no URL that PostgreSQL understands; write postgres://USER@HOST:PORT/DATABASE, "
                "with special characters in %XX");
  }
  Options options;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr && *option->val != '\0') options[option->keyword] = option->val;
  return options;
}

bool is_local(const Options& options) {
  for (const char* key : {"hostaddr", "host"}) {
    const auto place = options.find(key);
    if (place == options.end()) continue;
    const std::string& host = place->second;
    if (host.starts_with('/') || host == "localhost") return true;
    boost::system::error_code error;  // a list of hosts, or a name that begins like an address, is no address
    const auto address = boost::asio::ip::make_address(host, error);
    return !error && address.is_loopback();
  }
  return true;  // libpq's default is the socket
}

/// As libpq reads it: in quotes, with \ before ' and \.
std::string quote(const std::string& value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + '\'';
}

std::string value_or(const Options& options, const std::string& key, const char* otherwise) {
  const auto place = options.find(key);
  return place == options.end() ? otherwise : place->second;
}

}  // namespace

bool is_postgres_url(std::string_view url) { return url.starts_with("postgres://") || url.starts_with("postgresql://"); }

Result<Address> parse_address(std::string_view url) {
  TOMADA_TRY_ASSIGN(auto options, parse(std::string(url)));
  constexpr std::array<std::pair<const char*, const char*>, 7> k_defaults{{{"connect_timeout", "5"},
                                                                           {"keepalives_idle", "10"},
                                                                           {"keepalives_interval", "5"},
                                                                           {"keepalives_count", "2"},
                                                                           {"tcp_user_timeout", "20000"},
                                                                           {"application_name", "tomada"},
                                                                           {"client_encoding", "UTF8"}}};
  for (const auto& [key, value] : k_defaults) options.try_emplace(key, value);
  if (!is_local(options)) options.try_emplace("sslmode", "verify-full");
  if (value_or(options, "sslmode", "").starts_with("verify-")) options.try_emplace("sslrootcert", k_system_authorities);

  Address address;
  for (const auto& [key, value] : options) {
    if (!address.connection_text.empty()) address.connection_text += ' ';
    address.connection_text += key + '=' + quote(value);
  }
  address.shown = "postgres://" + value_or(options, "user", "") + (options.contains("user") ? "@" : "") +
                  value_or(options, "host", "local socket") +
                  (options.contains("port") ? ":" + options.at("port") : "") + "/" +
                  value_or(options, "dbname", "");
  return address;
}

}  // namespace tomada::store::postgres
