#include "host/store/sqlite/wal_vfs.hpp"

#include "host/base/assert.hpp"

#include <cstring>
#include <memory>
#include <new>

namespace tomada::store::sqlite {
namespace {

/* SQLite writes each frame of the log as two writes, 24 bytes and the page, one behind the other. Here they wait in a
 * buffer until the next call that is no write behind the last one: then they are written first, in their order, and
 * that call returns their failure, so a full disk still fails the commit that met it.
 *
 * Nobody can miss what waits here (wal.c of SQLite 3.40). Other connections read a frame only after the wal-index's
 * header counts it, and sqlite3WalFrames() publishes that header for commits alone, after it has synced the log; with
 * synchronous=FULL that is always. The connection itself reads spilled frames, and walRewriteChecksums() reads them
 * all, through this file, so they come out first. Recovery and checkpoints of other connections look no further than
 * what was published. A frame that was spilled and rolled back must not come out later, when another connection may
 * have written at its place: the rollback hook drops it. So at most the frames of the transaction that has the write
 * lock ever wait, and a process that dies loses nothing but what was not committed. */
struct WalFile {
  sqlite3_file base;  // first: SQLite knows us by it
  sqlite3_int64 offset;  // of the buffer's first byte
  int size;
  std::unique_ptr<char[]> buffer;  // null until the first write: readers have none

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  int flush() {
    if (size == 0) return SQLITE_OK;
    const int written = size;
    size = 0;  // failed: the commit fails, and nobody asks for these bytes again
    return real()->pMethods->xWrite(real(), buffer.get(), written, offset);
  }
};

WalFile& wal(sqlite3_file* file) { return *reinterpret_cast<WalFile*>(file); }

int wal_write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  WalFile& self = wal(file);
  if (self.size > 0 && (offset != self.offset + self.size || size > k_wal_buffer_bytes - self.size))
    if (const int code = self.flush(); code != SQLITE_OK) return code;
  if (size > k_wal_buffer_bytes) return self.real()->pMethods->xWrite(self.real(), bytes, size, offset);
  if (!self.buffer) self.buffer.reset(new (std::nothrow) char[k_wal_buffer_bytes]);
  if (!self.buffer) return SQLITE_NOMEM;
  if (self.size == 0) self.offset = offset;
  std::memcpy(self.buffer.get() + self.size, bytes, static_cast<std::size_t>(size));
  self.size += size;
  return SQLITE_OK;
}

/// A method that sees the file as it would be without the buffer.
template <auto method, class... Arguments>
int after_flush(sqlite3_file* file, Arguments... arguments) {
  if (const int code = wal(file).flush(); code != SQLITE_OK) return code;
  sqlite3_file* real = wal(file).real();
  return (real->pMethods->*method)(real, arguments...);
}

template <auto method, class... Arguments>
int passed_on(sqlite3_file* file, Arguments... arguments) {
  sqlite3_file* real = wal(file).real();
  return (real->pMethods->*method)(real, arguments...);
}

int wal_close(sqlite3_file* file) {
  WalFile& self = wal(file);
  const int code = self.real()->pMethods->xClose(self.real());  // what still waits was never committed
  self.~WalFile();
  return code;
}

using Methods = sqlite3_io_methods;
constexpr Methods k_wal_methods{
    .iVersion = 1,  // shared memory and mapped pages belong to the database file
    .xClose = wal_close,
    .xRead = after_flush<&Methods::xRead, void*, int, sqlite3_int64>,
    .xWrite = wal_write,
    .xTruncate = after_flush<&Methods::xTruncate, sqlite3_int64>,
    .xSync = after_flush<&Methods::xSync, int>,
    .xFileSize = after_flush<&Methods::xFileSize, sqlite3_int64*>,
    .xLock = passed_on<&Methods::xLock, int>,
    .xUnlock = passed_on<&Methods::xUnlock, int>,
    .xCheckReservedLock = passed_on<&Methods::xCheckReservedLock, int*>,
    .xFileControl = after_flush<&Methods::xFileControl, int, void*>,
    .xSectorSize = passed_on<&Methods::xSectorSize>,
    .xDeviceCharacteristics = passed_on<&Methods::xDeviceCharacteristics>,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

sqlite3_vfs* unix_of(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

/// Every other file is the default's own, with all of its methods.
int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* flags_out) {
  sqlite3_vfs* unix_vfs = unix_of(vfs);
  if ((flags & SQLITE_OPEN_WAL) == 0) return unix_vfs->xOpen(unix_vfs, name, file, flags, flags_out);
  auto* self = new (file) WalFile{};
  const int code = unix_vfs->xOpen(unix_vfs, name, self->real(), flags, flags_out);
  if (code == SQLITE_OK)
    self->base.pMethods = &k_wal_methods;
  else
    self->~WalFile();  // no methods: SQLite does not close it
  return code;
}

const char* register_vfs() {
  sqlite3_vfs* unix_vfs = sqlite3_vfs_find("unix");
  TOMADA_ASSERT(unix_vfs != nullptr);
  // Its other methods know no instance: they need nothing of the object but what is copied here.
  static sqlite3_vfs vfs = *unix_vfs;
  vfs.zName = "tomada-wal";
  vfs.pNext = nullptr;
  vfs.pAppData = unix_vfs;
  vfs.szOsFile = static_cast<int>(sizeof(WalFile)) + unix_vfs->szOsFile;
  vfs.xOpen = open_file;
  const int code = sqlite3_vfs_register(&vfs, 0);
  TOMADA_ASSERT(code == SQLITE_OK);
  return vfs.zName;
}

void drop_waiting(void* handle) {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(static_cast<sqlite3*>(handle), "main", SQLITE_FCNTL_JOURNAL_POINTER, static_cast<void*>(&file));
  if (file != nullptr && file->pMethods == &k_wal_methods) wal(file).size = 0;
}

}  // namespace

const char* wal_vfs() {
  static const char* const name = register_vfs();
  return name;
}

void prepare_for_wal_vfs(sqlite3* handle) {
  sqlite3_rollback_hook(handle, drop_waiting, handle);
  int is_safe = 1;
  sqlite3_file_control(handle, "main", SQLITE_FCNTL_POWERSAFE_OVERWRITE, &is_safe);
}

}  // namespace tomada::store::sqlite
