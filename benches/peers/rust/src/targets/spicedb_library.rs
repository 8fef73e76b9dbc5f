//! SpiceDB's shared library, as its npm package ships it: messages in, messages out, by pointer.
//!
//! Owns all that is unsafe here. The library offers unary calls in this way alone; streams go
//! through a socket that it names.

use anyhow::Context;
use libloading::Library;
use prost::Message;
use serde::Deserialize;
use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_ulonglong, c_void};
use std::path::Path;
use std::ptr;

type Start = unsafe extern "C" fn(*const c_char) -> *mut c_char;
type Free = unsafe extern "C" fn(*mut c_char);
type FreeBytes = unsafe extern "C" fn(*mut c_void);
type Call = unsafe extern "C" fn(
    c_ulonglong,
    *const c_uchar,
    c_int,
    *mut *mut c_void,
    *mut c_int,
    *mut *mut c_char,
);

#[derive(Deserialize)]
struct Started {
    success: bool,
    #[serde(default)]
    error: String,
    data: Option<Instance>,
}

#[derive(Clone, Debug, Deserialize)]
struct Instance {
    handle: u64,
    streaming_address: String,
}

/// A running instance. It lives as long as the process.
pub struct Spicedb {
    library: Library,
    instance: Instance,
}

impl Spicedb {
    /// `options` as the library reads them: the datastore and where it is.
    pub fn start(library: &Path, options: &serde_json::Value) -> anyhow::Result<Self> {
        let options = CString::new(options.to_string())?;
        // SAFETY: the library is the one that the set-up took from its package; its initialisers
        // start Go's runtime and nothing else.
        let library = unsafe { Library::new(library) }.context("SpiceDB's library")?;
        // SAFETY: the signature is that of the package's header; the options end in a nul; what
        // comes back is a text that ends in a nul and is given back.
        let text = unsafe {
            let answer = library.get::<Start>(b"spicedb_start")?(options.as_ptr());
            anyhow::ensure!(!answer.is_null(), "the library gave no answer");
            let text = CStr::from_ptr(answer).to_string_lossy().into_owned();
            library.get::<Free>(b"spicedb_free")?(answer);
            text
        };
        let started: Started = serde_json::from_str(&text)?;
        anyhow::ensure!(started.success, "it did not start: {}", started.error);
        let instance = started.data.context("it named no instance")?;
        Ok(Spicedb { library, instance })
    }

    /// The socket for streams.
    pub fn socket(&self) -> &str {
        &self.instance.streaming_address
    }

    /// One unary call, by the name of the library's function. Blocks.
    pub fn call<A: Message + Default>(
        &self,
        function: &str,
        request: &impl Message,
    ) -> anyhow::Result<A> {
        let request = request.encode_to_vec();
        let length = c_int::try_from(request.len())?;
        let (mut bytes, mut size, mut error) = (ptr::null_mut(), 0, ptr::null_mut());
        // SAFETY: the signature is that of the package's header; the request outlives the call,
        // which copies it; what comes back belongs to us until it is given back.
        unsafe {
            let call = self.library.get::<Call>(function.as_bytes())?;
            let handle = self.instance.handle;
            call(handle, request.as_ptr(), length, &mut bytes, &mut size, &mut error);
            if !error.is_null() {
                let text = CStr::from_ptr(error).to_string_lossy().into_owned();
                self.library.get::<Free>(b"spicedb_free")?(error);
                anyhow::bail!(text);
            }
            if bytes.is_null() {
                return Ok(A::default());
            }
            let answer = std::slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(size)?);
            let answer = A::decode(answer);
            self.library.get::<FreeBytes>(b"spicedb_free_bytes")?(bytes);
            Ok(answer?)
        }
    }
}
