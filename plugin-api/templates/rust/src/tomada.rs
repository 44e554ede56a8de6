//! tomada/plugin.h (ABI major 1, minor 0) in Rust: the same structs, numbers and function types, and nothing added.
//! The header says what each function does, who owns what, and which function may wait.
#![allow(dead_code)]

use std::ffi::c_void;
use std::os::raw::c_char;

pub type Status = i32;
pub const OK: Status = 0;
pub const E_CANCELLED: Status = 1;
pub const E_DEADLINE: Status = 2;
pub const E_RATE_LIMITED: Status = 3;
pub const E_UNAUTHENTICATED: Status = 4;
pub const E_FORBIDDEN: Status = 5;
pub const E_NOT_FOUND: Status = 6;
pub const E_CONFLICT: Status = 7;
pub const E_INVALID_CONFIG: Status = 8;
pub const E_INVALID_DATA: Status = 9;
pub const E_UNAVAILABLE: Status = 10;
pub const E_PERMANENT: Status = 11;
pub const E_UNSUPPORTED: Status = 12;
pub const E_STALE_HANDLE: Status = 13;
pub const E_TOO_NEW: Status = 14;
pub const E_INTERNAL: Status = 15;

pub type Call = u64;
pub type Response = u64;
pub type Reply = u64;
pub type UnixMs = i64;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    pub ptr: *const c_char,
    pub len: u64,
}

#[repr(C)]
pub struct Header {
    pub name: Slice,
    pub value: Slice,
}

#[repr(C)]
pub struct Host {
    pub struct_size: u32,
    pub abi_minor_min: u32,
    pub abi_minor_max: u32,
    pub reserved: u32,
    pub query_service: unsafe extern "C" fn(id: Slice, table: *mut *const c_void) -> Status,
}

#[repr(C)]
pub struct CreateArgs {
    pub struct_size: u32,
    pub reserved: u32,
    pub integration_id: Slice,
    pub config_json: Slice,
}

pub const SYNC_FULL: u32 = 1;
pub const SYNC_INCREMENTAL: u32 = 2;

#[repr(C)]
pub struct SyncRequest {
    pub struct_size: u32,
    pub mode: u32,
    pub entity: Slice,
    pub since: Slice,
    pub resume: Slice,
}

#[repr(C)]
pub struct Webhook {
    pub struct_size: u32,
    pub attempt: u32,
    pub event_id: Slice,
    pub event_type: Slice,
    pub headers: *const Header,
    pub headers_count: u64,
    pub body: Slice,
    pub received_at_ms: UnixMs,
}

/// A function that is None is one that this plugin does not have.
#[repr(C)]
pub struct Plugin {
    pub struct_size: u32,
    pub abi_minor: u32,
    pub create: Option<unsafe extern "C" fn(*const Host, *const CreateArgs, *mut *mut c_void, *mut c_char, u64, *mut u64) -> Status>,
    pub destroy: Option<unsafe extern "C" fn(*mut c_void)>,
    pub test_connection: Option<unsafe extern "C" fn(*mut c_void, Call) -> Status>,
    pub sync: Option<unsafe extern "C" fn(*mut c_void, Call, *const SyncRequest) -> Status>,
    pub handle_webhook: Option<unsafe extern "C" fn(*mut c_void, Call, *const Webhook, Reply) -> Status>,
    pub get_extension: Option<unsafe extern "C" fn(Slice) -> *const c_void>,
}

pub const CALL_ID: &str = "unstable.call/1";

#[repr(C)]
pub struct Error {
    pub struct_size: u32,
    pub http_status: u32,
    pub message: Slice,
    pub provider_code: Slice,
    pub retry_after_ms: u64,
}

#[repr(C)]
pub struct CallService {
    pub struct_size: u32,
    pub reserved: u32,
    pub fail: unsafe extern "C" fn(Call, Status, *const Error) -> Status,
    pub check: unsafe extern "C" fn(Call) -> Status,
    pub remaining_ms: unsafe extern "C" fn(Call) -> u64,
}

pub const LOG_ID: &str = "unstable.log/1";
pub const LOG_DEBUG: i32 = 1;
pub const LOG_INFO: i32 = 2;
pub const LOG_WARN: i32 = 3;
pub const LOG_ERROR: i32 = 4;

#[repr(C)]
pub struct LogService {
    pub struct_size: u32,
    pub reserved: u32,
    pub write: unsafe extern "C" fn(Call, i32, Slice),
}

pub const CLOCK_ID: &str = "unstable.clock/1";

#[repr(C)]
pub struct ClockService {
    pub struct_size: u32,
    pub reserved: u32,
    pub now_ms: unsafe extern "C" fn(Call) -> UnixMs,
    pub sleep_ms: unsafe extern "C" fn(Call, u64) -> Status,
}

pub const HTTP_ID: &str = "unstable.http/1";

#[repr(C)]
pub struct HttpRequest {
    pub struct_size: u32,
    pub timeout_ms: u32,
    pub method: Slice,
    pub url: Slice,
    pub headers: *const Header,
    pub headers_count: u64,
    pub body: Slice,
    pub body_length: u64,
    pub flags: u32,
    pub reserved: u32,
}

pub const HTTP_NO_AUTH: u32 = 1;

#[repr(C)]
pub struct HttpResult {
    pub struct_size: u32,
    pub status: u32,
    pub response: Response,
}

#[repr(C)]
pub struct HttpService {
    pub struct_size: u32,
    pub reserved: u32,
    pub send: unsafe extern "C" fn(Call, *const HttpRequest, *mut HttpResult) -> Status,
    pub open: unsafe extern "C" fn(Call, *const HttpRequest, *mut Response) -> Status,
    pub write: unsafe extern "C" fn(Call, Response, Slice) -> Status,
    pub finish: unsafe extern "C" fn(Call, Response, *mut HttpResult) -> Status,
    pub header: unsafe extern "C" fn(Call, Response, Slice, *mut Slice) -> Status,
    pub read: unsafe extern "C" fn(Call, Response, *mut c_char, u64, *mut u64) -> Status,
    pub body: unsafe extern "C" fn(Call, Response, *mut Slice) -> Status,
    pub release: unsafe extern "C" fn(Call, Response) -> Status,
}

pub const RECORDS_ID: &str = "unstable.records/1";

#[repr(C)]
pub struct Record {
    pub struct_size: u32,
    pub reserved: u32,
    pub external_id: Slice,
    pub data_json: Slice,
    pub updated_at_ms: UnixMs,
}

#[repr(C)]
pub struct RecordsService {
    pub struct_size: u32,
    pub reserved: u32,
    pub upsert: unsafe extern "C" fn(Call, Slice, *const Record) -> Status,
    pub remove: unsafe extern "C" fn(Call, Slice, Slice, UnixMs) -> Status,
    pub checkpoint: unsafe extern "C" fn(Call, Slice) -> Status,
    pub complete: unsafe extern "C" fn(Call, Slice, Slice) -> Status,
    pub progress: unsafe extern "C" fn(Call, u64, u64) -> Status,
}

pub const STORAGE_ID: &str = "unstable.storage/1";

#[repr(C)]
pub struct StorageService {
    pub struct_size: u32,
    pub reserved: u32,
    pub get: unsafe extern "C" fn(Call, Slice, *mut Slice) -> Status,
    pub put: unsafe extern "C" fn(Call, Slice, Slice) -> Status,
    pub remove: unsafe extern "C" fn(Call, Slice) -> Status,
}

pub const CREDENTIALS_ID: &str = "unstable.credentials/1";

#[repr(C)]
pub struct CredentialsService {
    pub struct_size: u32,
    pub reserved: u32,
    pub get: unsafe extern "C" fn(Call, Slice, *mut Slice) -> Status,
    pub has: unsafe extern "C" fn(Call, Slice) -> Status,
}

pub const CRYPTO_ID: &str = "unstable.crypto/1";
pub const SHA1: u32 = 1;
pub const SHA256: u32 = 2;
pub const SHA512: u32 = 3;
pub const MD5: u32 = 4;
pub const VERIFY_ED25519: u32 = 1;
pub const VERIFY_ECDSA_P256_SHA256: u32 = 2;

#[repr(C)]
pub struct CryptoService {
    pub struct_size: u32,
    pub reserved: u32,
    pub hash: unsafe extern "C" fn(u32, Slice, *mut c_char, u64, *mut u64) -> Status,
    pub hmac: unsafe extern "C" fn(u32, Slice, Slice, *mut c_char, u64, *mut u64) -> Status,
    pub verify: unsafe extern "C" fn(u32, Slice, Slice, Slice) -> Status,
    pub equal: unsafe extern "C" fn(Slice, Slice) -> Status,
    pub base64_encode: unsafe extern "C" fn(Slice, *mut c_char, u64, *mut u64) -> Status,
    pub base64_decode: unsafe extern "C" fn(Slice, *mut c_char, u64, *mut u64) -> Status,
    pub hex_encode: unsafe extern "C" fn(Slice, *mut c_char, u64, *mut u64) -> Status,
    pub hex_decode: unsafe extern "C" fn(Slice, *mut c_char, u64, *mut u64) -> Status,
}

pub const REPLY_ID: &str = "unstable.reply/1";

#[repr(C)]
pub struct ReplyService {
    pub struct_size: u32,
    pub reserved: u32,
    pub set: unsafe extern "C" fn(Call, Reply, u32, Slice, Slice) -> Status,
}

/// The header's layout as plain numbers; Tomada's own tests compare them with the header. `cargo test` looks whether
/// the structs above have it.
#[cfg(test)]
mod layout {
    use super::*;
    use std::mem::{size_of, MaybeUninit};

    macro_rules! layout {
        ($($type:ident $size:literal { $($field:ident $offset:literal),* })*) => {
            #[test]
            fn is_that_of_the_header() {
                $(
                    assert_eq!(size_of::<$type>(), $size, stringify!($type));
                    let value = MaybeUninit::<$type>::uninit();
                    $(
                        let at = unsafe { std::ptr::addr_of!((*value.as_ptr()).$field) } as usize - value.as_ptr() as usize;
                        assert_eq!(at, $offset, concat!(stringify!($type), ".", stringify!($field)));
                    )*
                )*
            }
        };
    }

    layout! {
        Slice 16 { ptr 0, len 8 }
        Header 32 { name 0, value 16 }
        Host 24 { struct_size 0, abi_minor_min 4, abi_minor_max 8, reserved 12, query_service 16 }
        CreateArgs 40 { struct_size 0, reserved 4, integration_id 8, config_json 24 }
        SyncRequest 56 { struct_size 0, mode 4, entity 8, since 24, resume 40 }
        Webhook 80 { struct_size 0, attempt 4, event_id 8, event_type 24, headers 40, headers_count 48, body 56, received_at_ms 72 }
        Plugin 56 { struct_size 0, abi_minor 4, create 8, destroy 16, test_connection 24, sync 32, handle_webhook 40, get_extension 48 }
        Error 48 { struct_size 0, http_status 4, message 8, provider_code 24, retry_after_ms 40 }
        CallService 32 { struct_size 0, reserved 4, fail 8, check 16, remaining_ms 24 }
        LogService 16 { struct_size 0, reserved 4, write 8 }
        ClockService 24 { struct_size 0, reserved 4, now_ms 8, sleep_ms 16 }
        HttpRequest 88 { struct_size 0, timeout_ms 4, method 8, url 24, headers 40, headers_count 48, body 56, body_length 72, flags 80, reserved 84 }
        HttpResult 16 { struct_size 0, status 4, response 8 }
        HttpService 72 { struct_size 0, reserved 4, send 8, open 16, write 24, finish 32, header 40, read 48, body 56, release 64 }
        Record 48 { struct_size 0, reserved 4, external_id 8, data_json 24, updated_at_ms 40 }
        RecordsService 48 { struct_size 0, reserved 4, upsert 8, remove 16, checkpoint 24, complete 32, progress 40 }
        StorageService 32 { struct_size 0, reserved 4, get 8, put 16, remove 24 }
        CredentialsService 24 { struct_size 0, reserved 4, get 8, has 16 }
        CryptoService 72 { struct_size 0, reserved 4, hash 8, hmac 16, verify 24, equal 32, base64_encode 40, base64_decode 48, hex_encode 56, hex_decode 64 }
        ReplyService 16 { struct_size 0, reserved 4, set 8 }
    }
}
