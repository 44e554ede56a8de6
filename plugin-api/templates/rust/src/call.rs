//! What lies between the plugin (lib.rs) and the C interface (tomada.rs): texts, results, and a frame that lets no panic out.
#![allow(dead_code)]

use crate::tomada::{self, CallService, HttpService, RecordsService, Slice, Status};

use std::any::Any;
use std::ffi::c_void;
use std::marker::PhantomData;
use std::os::raw::c_char;
use std::panic::{catch_unwind, AssertUnwindSafe};

/// A plugin is a type with these functions and one line: `tomada_plugin!(MyPlugin, "../manifest.json");`
pub trait Plugin: Sized {
    /// From the configuration; no I/O.
    fn new(config_json: &[u8]) -> Result<Self>;
    fn test_connection(&self, call: &Call) -> Result<()>;
    fn sync(&self, call: &Call, request: &SyncRequest) -> Result<()>;
}

/// Why a call cannot go on. The message is for a person: what failed and how to mend it; no secret, no whole body. It is
/// empty when a service ended the call: the host has its own words then.
pub struct Failure {
    pub status: Status,
    pub message: String,
    pub http_status: u32,
    pub retry_after_ms: u64,
}

pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    pub fn new(status: Status, message: &str) -> Self {
        Failure { status, message: message.to_owned(), http_status: 0, retry_after_ms: 0 }
    }
}

fn ended(status: Status) -> Result<()> {
    if status == tomada::OK { Ok(()) } else { Err(Failure::new(status, "")) }
}

pub struct SyncRequest {
    pub full: bool,
    pub entity: String,
    /// What the last complete run passed to `complete()`.
    pub since: String,
    /// The last checkpoint of this same run after an interruption.
    pub resume: String,
}

struct Services {
    call: &'static CallService,
    http: &'static HttpService,
    records: &'static RecordsService,
}

/// One running call, on the thread that it came on.
pub struct Call<'a> {
    services: &'a Services,
    handle: tomada::Call,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Call<'_> {
    /// Waits for a response. The host adds the authentication that the manifest describes.
    pub fn get(&self, url: &str) -> Result<Response<'_>> {
        let request = tomada::HttpRequest {
            struct_size: size_of::<tomada::HttpRequest>(),
            timeout_ms: 0,
            method: slice("GET"),
            url: slice(url),
            headers: std::ptr::null(),
            headers_count: 0,
            body: slice(""),
            body_length: 0,
            flags: 0,
            reserved: 0,
        };
        let mut result = tomada::HttpResult { struct_size: size_of::<tomada::HttpResult>(), status: 0, response: 0 };
        ended(unsafe { (self.services.http.send)(self.handle, &request, &mut result) })?;
        Ok(Response { call: self, handle: result.response, status: result.status })
    }

    /// Adds a record to the page. One that the host refuses is left out, and the run ends as partial.
    pub fn upsert(&self, entity: &str, id: &str, data_json: &str) -> Result<()> {
        let record = tomada::Record {
            struct_size: size_of::<tomada::Record>(),
            reserved: 0,
            external_id: slice(id),
            data_json: slice(data_json),
            updated_at_ms: 0,
        };
        match unsafe { (self.services.records.upsert)(self.handle, slice(entity), &record) } {
            tomada::E_INVALID_DATA => Ok(()),
            status => ended(status),
        }
    }

    /// Commits the page together with `cursor`, which comes back as `SyncRequest::resume` after an interruption.
    pub fn checkpoint(&self, cursor: &str) -> Result<()> {
        ended(unsafe { (self.services.records.checkpoint)(self.handle, slice(cursor)) })
    }

    /// Commits the page and says that the whole entity was seen: what was not is a deletion.
    pub fn complete(&self, entity: &str, since: &str) -> Result<()> {
        ended(unsafe { (self.services.records.complete)(self.handle, slice(entity), slice(since)) })
    }

    /// Fails when the call was cancelled or its time is over. For loops that call no service.
    pub fn check(&self) -> Result<()> {
        ended(unsafe { (self.services.call.check)(self.handle) })
    }
}

/// A response of the running call; dropping it lets its connection go.
pub struct Response<'a> {
    call: &'a Call<'a>,
    handle: tomada::Response,
    pub status: u32,
}

impl Response<'_> {
    /// What is left of the body. Waits.
    pub fn body(&mut self) -> Result<&[u8]> {
        let mut body = slice("");
        ended(unsafe { (self.call.services.http.body)(self.call.handle, self.handle, &mut body) })?;
        Ok(unsafe { bytes(body) })
    }

    /// By name in any case.
    pub fn header(&self, name: &str) -> Option<String> {
        let mut value = slice("");
        let status = unsafe { (self.call.services.http.header)(self.call.handle, self.handle, slice(name), &mut value) };
        if status == tomada::OK { Some(unsafe { text(value) }) } else { None }
    }

    /// A failure unless the status is 2xx; a provider's own codes often say more.
    pub fn expect_ok(&self, what: &str) -> Result<()> {
        let status = match self.status {
            200..=299 => return Ok(()),
            401 => tomada::E_UNAUTHENTICATED,
            403 => tomada::E_FORBIDDEN,
            404 | 410 => tomada::E_NOT_FOUND,
            429 => tomada::E_RATE_LIMITED,
            408 | 500..=599 => tomada::E_UNAVAILABLE,
            _ => tomada::E_PERMANENT,
        };
        let mut failure = Failure::new(status, &format!("{}: HTTP {}", what, self.status));
        failure.http_status = self.status;
        // A date, or more than a day: the host's own backoff.
        let seconds = self.header("Retry-After").and_then(|text| text.parse::<u64>().ok());
        failure.retry_after_ms = seconds.filter(|seconds| *seconds <= 24 * 60 * 60).unwrap_or(0) * 1000;
        Err(failure)
    }
}

impl Drop for Response<'_> {
    fn drop(&mut self) {
        unsafe { (self.call.services.http.release)(self.call.handle, self.handle) };
    }
}

/// RFC 3986: every byte outside A-Za-z0-9-._~ as %XX.
pub fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
            _ => format!("%{:02X}", byte),
        })
        .collect()
}

fn size_of<T>() -> u32 {
    std::mem::size_of::<T>() as u32
}

fn slice(text: &str) -> Slice {
    Slice { ptr: text.as_ptr() as *const c_char, len: text.len() as u64 }
}

unsafe fn bytes<'a>(slice: Slice) -> &'a [u8] {
    if slice.len == 0 { &[] } else { std::slice::from_raw_parts(slice.ptr as *const u8, slice.len as usize) }
}

unsafe fn text(slice: Slice) -> String {
    String::from_utf8_lossy(bytes(slice)).into_owned()
}

// ---- The C functions of a plugin ------------------------------------------------------------------------------------

struct Instance<P> {
    services: Services,
    plugin: P,
}

// [guard]
/// No panic leaves the plugin, whatever `body` does.
fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    let caught = catch_unwind(AssertUnwindSafe(body));
    caught.unwrap_or_else(|cause| Err(Failure::new(tomada::E_INTERNAL, &format!("panic: {}", words_of(&*cause)))))
}
// [guard]

fn words_of(cause: &(dyn Any + Send)) -> &str {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no text")
}

unsafe fn run<P: Plugin>(
    instance: *mut c_void,
    handle: tomada::Call,
    body: impl FnOnce(&P, &Call) -> Result<()>,
) -> Status {
    let instance = &*(instance as *const Instance<P>);
    let call = Call { services: &instance.services, handle, stays_on_its_thread: PhantomData };
    let failure = match guarded(|| body(&instance.plugin, &call)) {
        Ok(()) => return tomada::OK,
        Err(failure) => failure,
    };
    if failure.message.is_empty() {
        return failure.status;
    }
    let error = tomada::Error {
        struct_size: size_of::<tomada::Error>(),
        http_status: failure.http_status,
        message: slice(&failure.message),
        provider_code: slice(""),
        retry_after_ms: failure.retry_after_ms,
    };
    (instance.services.call.fail)(handle, failure.status, &error)
}

unsafe fn service<T>(host: *const tomada::Host, id: &str) -> Result<&'static T> {
    let mut table: *const c_void = std::ptr::null();
    let status = ((*host).query_service)(slice(id), &mut table);
    if status == tomada::OK && !table.is_null() {
        return Ok(&*(table as *const T)); // it lives as long as the process
    }
    Err(Failure::new(tomada::E_UNSUPPORTED, &format!("this host has no service {}", id)))
}

unsafe extern "C" fn create<P: Plugin>(
    host: *const tomada::Host,
    args: *const tomada::CreateArgs,
    instance: *mut *mut c_void,
    why: *mut c_char,
    why_capacity: u64,
    why_len: *mut u64,
) -> Status {
    let made = guarded(|| {
        let services = Services {
            call: service(host, tomada::CALL_ID)?,
            http: service(host, tomada::HTTP_ID)?,
            records: service(host, tomada::RECORDS_ID)?,
        };
        Ok(Box::new(Instance { services, plugin: P::new(bytes((*args).config_json))? }))
    });
    match made {
        Ok(made) => {
            *instance = Box::into_raw(made) as *mut c_void;
            tomada::OK
        }
        Err(failure) => {
            *why_len = why_capacity.min(failure.message.len() as u64);
            std::ptr::copy_nonoverlapping(failure.message.as_ptr(), why as *mut u8, *why_len as usize);
            failure.status
        }
    }
}

unsafe extern "C" fn destroy<P: Plugin>(instance: *mut c_void) {
    let instance = Box::from_raw(instance as *mut Instance<P>);
    let _ = guarded(move || {
        drop(instance);
        Ok(())
    });
}

unsafe extern "C" fn test_connection<P: Plugin>(instance: *mut c_void, call: tomada::Call) -> Status {
    run(instance, call, P::test_connection)
}

unsafe extern "C" fn sync<P: Plugin>(instance: *mut c_void, call: tomada::Call, request: *const tomada::SyncRequest) -> Status {
    run(instance, call, |plugin: &P, call| {
        let request = &*request;
        if request.mode != tomada::SYNC_FULL && request.mode != tomada::SYNC_INCREMENTAL {
            return Err(Failure::new(tomada::E_UNSUPPORTED, "an unknown sync mode"));
        }
        let full = request.mode == tomada::SYNC_FULL;
        let (entity, since, resume) = (text(request.entity), text(request.since), text(request.resume));
        plugin.sync(call, &SyncRequest { full, entity, since, resume })
    })
}

/// For tomada_plugin!: fills the host's table, which an older host has shorter.
pub unsafe fn fill<P: Plugin>(plugin: *mut tomada::Plugin) -> Status {
    let size = (*plugin).struct_size.min(size_of::<tomada::Plugin>());
    let table = tomada::Plugin {
        struct_size: size,
        abi_minor: 0,
        create: Some(create::<P>),
        destroy: Some(destroy::<P>),
        test_connection: Some(test_connection::<P>),
        sync: Some(sync::<P>),
        handle_webhook: None,
        get_extension: None,
    };
    std::ptr::copy_nonoverlapping(&table as *const tomada::Plugin as *const u8, plugin as *mut u8, size as usize);
    tomada::OK
}

/// The manifest as an ELF note, which the host reads without running any code of the plugin.
#[repr(C, align(4))]
pub struct Note<const N: usize> {
    pub name_len: u32,
    pub text_len: u32,
    pub kind: u32,
    pub name: [u8; 8],
    pub text: [u8; N],
}

/// The one exported function and the note. `$manifest`: its path, seen from the file that calls this.
#[macro_export]
macro_rules! tomada_plugin {
    ($plugin:ty, $manifest:literal) => {
        #[no_mangle]
        pub unsafe extern "C" fn tomada_plugin_entry_v1(
            _host: *const $crate::tomada::Host,
            plugin: *mut $crate::tomada::Plugin,
        ) -> $crate::tomada::Status {
            $crate::call::fill::<$plugin>(plugin)
        }

        const MANIFEST_LEN: usize = include_bytes!($manifest).len();

        #[used]
        #[link_section = ".note.tomada"]
        static NOTE: $crate::call::Note<MANIFEST_LEN> = $crate::call::Note {
            name_len: 7,
            text_len: MANIFEST_LEN as u32,
            kind: 1,
            name: *b"Tomada\0\0",
            text: *include_bytes!($manifest),
        };
    };
}
