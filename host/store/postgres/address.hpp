// Where the database is: a postgres:// URL, with what it leaves out filled in on the safe side.
#pragma once

#include "host/base/result.hpp"

#include <string>
#include <string_view>

namespace tomada::store::postgres {

struct Address {
  std::string connection_text;  // keyword=value for libpq; may hold a password
  std::string shown;            // host, port, database and user: for people and logs
};

/// True for postgres:// and postgresql://.
[[nodiscard]] bool is_postgres_url(std::string_view url);

/* INVALID_CONFIG: not a URL that libpq understands. What the URL does not say:
 * - sslmode: verify-full, with the system's certificate authorities unless sslrootcert names a file. Only a socket
 *   (host is empty or begins with "/") and a loopback address do without.
 * - connect_timeout 5 s; keepalives after 10 s, and a connection whose data nobody confirms ends after 20 s;
 *   application_name tomada; client_encoding UTF8. */
Result<Address> parse_address(std::string_view url);

}  // namespace tomada::store::postgres
