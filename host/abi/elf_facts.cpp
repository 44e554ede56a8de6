#include "host/abi/elf_facts.hpp"

#include "host/abi/manifest.hpp"

#include <tomada/plugin.h>

#include <gelf.h>
#include <libelf.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

namespace tomada::abi {
namespace {

/// Names of each kind that are kept; a file with more is refused all the same.
constexpr std::size_t k_names_max = 1000;
constexpr std::size_t k_manifests_kept_max = 2;

struct Close {
  void operator()(Elf* elf) const { elf_end(elf); }
};
using Handle = std::unique_ptr<Elf, Close>;

class Looker {
 public:
  Looker(std::span<char> image, ElfFacts& facts) : image_(image), facts_(facts) {}

  void look() {
    if (!is_for_this_machine()) return;
    elf_version(EV_CURRENT);
    elf_.reset(elf_memory(image_.data(), image_.size()));
    if (!elf_ || elf_kind(elf_.get()) != ELF_K_ELF) return truncated("its header is malformed");
    if (!are_segments_inside() || !are_sections_inside()) return;
    for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf_.get(), section)) != nullptr;) {
      GElf_Shdr header{};
      if (gelf_getshdr(section, &header) == nullptr) return truncated("a section header is malformed");
      if (!look_at(section, header)) return;
    }
    if (!has_dynamic_) truncated("it has no dynamic section");
  }

 private:
  void truncated(std::string why) {
    facts_.shape = ElfFacts::Shape::truncated;
    facts_.shape_detail = std::move(why);
  }

  bool is_for_this_machine() {
    Elf64_Ehdr header{};
    if (image_.size() < SELFMAG || std::memcmp(image_.data(), ELFMAG, SELFMAG) != 0) {
      facts_.shape = ElfFacts::Shape::not_elf;
      return false;
    }
    if (image_.size() < sizeof header) {
      truncated("it ends inside its header");
      return false;
    }
    std::memcpy(&header, image_.data(), sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64) {
      facts_.shape = ElfFacts::Shape::other_machine;
      facts_.shape_detail = "class " + std::to_string(header.e_ident[EI_CLASS]) + ", byte order " +
                            std::to_string(header.e_ident[EI_DATA]) + ", machine " + std::to_string(header.e_machine);
      return false;
    }
    facts_.is_shared_object = header.e_type == ET_DYN;
    sections_offset_ = header.e_shoff;
    return true;
  }

  [[nodiscard]] bool is_inside(std::uint64_t offset, std::uint64_t size) const {
    return offset <= image_.size() && size <= image_.size() - offset;
  }

  bool are_segments_inside() {
    std::size_t count = 0;
    if (elf_getphdrnum(elf_.get(), &count) != 0 || count == 0) {
      truncated("it has no program headers");
      return false;
    }
    for (std::size_t i = 0; i < count && i < INT32_MAX; ++i) {
      GElf_Phdr segment{};
      if (gelf_getphdr(elf_.get(), static_cast<int>(i), &segment) == nullptr ||
          !is_inside(segment.p_offset, segment.p_filesz)) {
        truncated("segment " + std::to_string(i) + " reaches past the end of the file");
        return false;
      }
      if (segment.p_type == PT_INTERP) facts_.is_shared_object = false;  // a program, position-independent
    }
    return true;
  }

  bool are_sections_inside() {
    std::size_t count = 0;
    if (sections_offset_ == 0 || sections_offset_ >= image_.size() || elf_getshdrnum(elf_.get(), &count) != 0 ||
        count == 0) {
      truncated("its section headers are missing or past the end of the file");
      return false;
    }
    Elf_Scn* section = nullptr;
    std::size_t seen = 0;
    while ((section = elf_nextscn(elf_.get(), section)) != nullptr) {
      GElf_Shdr header{};
      ++seen;
      if (gelf_getshdr(section, &header) == nullptr ||
          (header.sh_type != SHT_NOBITS && !is_inside(header.sh_offset, header.sh_size))) {
        truncated("section " + std::to_string(seen) + " reaches past the end of the file");
        return false;
      }
    }
    if (seen + 1 != count) {
      truncated("its section headers are cut off");
      return false;
    }
    return true;
  }

  bool look_at(Elf_Scn* section, const GElf_Shdr& header) {
    const bool is_symbols = header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB;
    if (!is_symbols && header.sh_type != SHT_NOTE && header.sh_type != SHT_DYNAMIC &&
        header.sh_type != SHT_GNU_verneed)
      return true;
    if (header.sh_size == 0) return true;
    Elf_Data* const data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) {
      truncated("a section cannot be read");
      return false;
    }
    if (header.sh_type == SHT_NOTE) return look_at_notes(data);
    strings_ = strings_of(header.sh_link);
    if (is_symbols) return look_at_symbols(data, header.sh_type == SHT_DYNSYM);
    if (header.sh_type == SHT_DYNAMIC) return look_at_dynamic(data);
    return look_at_versions(data);
  }

  /// The string table that belongs to a section; empty when there is none.
  std::string_view strings_of(std::uint32_t index) {
    Elf_Scn* const section = elf_getscn(elf_.get(), index);
    GElf_Shdr header{};
    if (section == nullptr || gelf_getshdr(section, &header) == nullptr || header.sh_type != SHT_STRTAB) return {};
    Elf_Data* const data = elf_getdata(section, nullptr);
    if (data == nullptr || data->d_buf == nullptr) return {};
    return {static_cast<const char*>(data->d_buf), data->d_size};
  }

  [[nodiscard]] std::string_view name_at(std::uint64_t offset) const {
    if (offset >= strings_.size()) return {};
    const std::string_view rest = strings_.substr(offset);
    return rest.substr(0, std::min(rest.find('\0'), rest.size()));
  }

  static void keep(std::vector<std::string>& names, std::string_view name) {
    if (names.size() < k_names_max) names.emplace_back(name.substr(0, 512));
  }

  bool look_at_notes(Elf_Data* data) {
    GElf_Nhdr note{};
    std::size_t name_at = 0;
    std::size_t text_at = 0;
    for (std::size_t at = 0; at < data->d_size;) {
      const std::size_t next = gelf_getnote(data, at, &note, &name_at, &text_at);
      if (next <= at) break;  // 0: malformed, the rest is unreadable
      at = next;
      if (note.n_type != TOMADA_NOTE_MANIFEST || note.n_namesz != sizeof TOMADA_NOTE_NAME) continue;
      const char* const bytes = static_cast<const char*>(data->d_buf);
      if (name_at + note.n_namesz > data->d_size || text_at + note.n_descsz > data->d_size) break;
      if (std::memcmp(bytes + name_at, TOMADA_NOTE_NAME, sizeof TOMADA_NOTE_NAME) != 0) continue;
      ++facts_.manifests_count;
      // One byte more than is allowed is enough for the parser to refuse the size.
      if (facts_.manifests.size() < k_manifests_kept_max)
        facts_.manifests.emplace_back(bytes + text_at, std::min<std::size_t>(note.n_descsz, k_manifest_bytes_max + 1));
    }
    return true;
  }

  static bool is_made_by_tools(std::string_view name, const GElf_Sym& symbol) {
    static constexpr std::array<std::string_view, 6> k_linker{"_init", "_fini", "_edata", "__bss_start", "_end", "_etext"};
    if (std::find(k_linker.begin(), k_linker.end(), name) != k_linker.end()) return true;
    if (symbol.st_shndx == SHN_ABS && symbol.st_size == 0) return true;  // the name of a version node
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    for (const std::string_view prefix : {"__asan_", "__odr_asan", "__ubsan_", "__tsan_", "__sanitizer_"})
      if (name.starts_with(prefix)) return true;
#endif
    return false;
  }

  bool look_at_symbols(Elf_Data* data, bool is_dynamic) {
    const std::size_t count = data->d_size / sizeof(Elf64_Sym);
    for (std::size_t i = 1; i < count && i < INT32_MAX; ++i) {
      GElf_Sym symbol{};
      if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr) break;
      const std::string_view name = name_at(symbol.st_name);
      const bool is_defined = symbol.st_shndx != SHN_UNDEF;
      if (is_defined && (name == "__cxa_throw" || name == "__cxa_get_globals")) facts_.defines_cxx_runtime = true;
      if (!is_defined && name.starts_with("_Unwind_")) facts_.imports_unwinder = true;
      if (!is_dynamic || !is_defined) continue;
      const unsigned char binding = GELF_ST_BIND(symbol.st_info);
      if (binding == STB_GNU_UNIQUE) keep(facts_.unique_symbols, name);
      const bool is_global = binding == STB_GLOBAL || binding == STB_WEAK || binding == STB_GNU_UNIQUE;
      const unsigned char visibility = GELF_ST_VISIBILITY(symbol.st_other);
      if (is_global && (visibility == STV_DEFAULT || visibility == STV_PROTECTED) && !is_made_by_tools(name, symbol))
        keep(facts_.exports, name);
    }
    return true;
  }

  bool look_at_dynamic(Elf_Data* data) {
    has_dynamic_ = true;
    const std::size_t count = data->d_size / sizeof(Elf64_Dyn);
    for (std::size_t i = 0; i < count && i < INT32_MAX; ++i) {
      GElf_Dyn entry{};
      if (gelf_getdyn(data, static_cast<int>(i), &entry) == nullptr || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) keep(facts_.needed, name_at(entry.d_un.d_val));
      if (entry.d_tag == DT_FLAGS && (entry.d_un.d_val & DF_STATIC_TLS) != 0) facts_.static_tls = true;
      if (entry.d_tag == DT_FLAGS_1 && (entry.d_un.d_val & DF_1_PIE) != 0) facts_.is_shared_object = false;
    }
    return true;
  }

  bool look_at_versions(Elf_Data* data) {
    constexpr std::size_t k_links_max = 10'000;  // a malformed chain may point back
    std::size_t links = 0;
    for (std::size_t at = 0; at < data->d_size && ++links < k_links_max;) {
      GElf_Verneed file{};
      if (gelf_getverneed(data, static_cast<int>(at), &file) == nullptr) break;
      std::size_t part = at + file.vn_aux;
      for (unsigned i = 0; i < file.vn_cnt && ++links < k_links_max && part < data->d_size; ++i) {
        GElf_Vernaux version{};
        if (gelf_getvernaux(data, static_cast<int>(part), &version) == nullptr) break;
        const std::string_view name = name_at(version.vna_name);
        if (name.starts_with("GLIBC_")) keep(facts_.glibc_versions, name.substr(6));
        if (version.vna_next == 0) break;
        part += version.vna_next;
      }
      if (file.vn_next == 0) break;
      at += file.vn_next;
    }
    return true;
  }

  std::span<char> image_;
  ElfFacts& facts_;
  Handle elf_;
  std::uint64_t sections_offset_{0};
  std::string_view strings_;
  bool has_dynamic_{false};
};

}  // namespace

ElfFacts read_elf(std::span<char> image) {
  ElfFacts facts;
  Looker(image, facts).look();
  return facts;
}

}  // namespace tomada::abi
