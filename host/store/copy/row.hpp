// One row in the form that is the same on both sides, whatever database it came from.
#pragma once

#include "host/store/copy/tables.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tomada::store::copying {

inline constexpr std::size_t k_columns_max = 24;
inline constexpr std::size_t k_keys_max = 3;  // of a table

/// The values in the table's order; views into what yielded them.
struct Row {
  std::array<std::optional<std::string_view>, k_columns_max> cells;
  std::size_t count{};
};

/// The key of a row, as it is kept and shown: bytes in hex.
using Key = std::vector<std::string>;
Key key_of(const Table& table, const Row& row);
/// For SQLite's ?1, ?2, ?3.
std::string bound(const Table& table, const Key& key, std::size_t index);
/// Before every row.
Key first_key(const Table& table);
/// "(sequence 17)"
std::string shown(const Table& table, const Key& key);

/// Appended: each value with its size before it, so that no two rows look the same.
void append_canonical(std::string& out, const Row& row);

/// SHA-256 over all that is added.
class Digest {
 public:
  Digest();
  void add(std::string_view bytes);
  [[nodiscard]] std::string hex() const;  // of what was added so far

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace tomada::store::copying
