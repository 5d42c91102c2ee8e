//! io_uring: the kernel does what the ring says, and a filter for system calls sees none of it.

use super::Act;
use crate::sys::{Args, Outcome, Refusal, call, text};

pub(super) const ACTS: &[(&str, Act)] =
    &[("uring-setup", setup), ("uring-write", write), ("uring-connect", connect)];

const OP_CONNECT: u8 = 16;
const OP_OPENAT: u8 = 18;
const OP_WRITE: u8 = 23;

/// What `io_uring_setup` takes and fills: eleven fields, then where the rings' parts lie.
#[derive(Default)]
#[repr(C)]
struct Parameters {
    fields: [u32; 10],
    submission: [u32; 10],
    completion: [u32; 10],
}

fn new_ring() -> Result<(i64, Parameters), Refusal> {
    let mut parameters = Parameters::default();
    let ring = call!(libc::SYS_io_uring_setup, 4, &raw mut parameters)?;
    Ok((ring, parameters))
}

fn setup(_: &Args) -> Outcome {
    new_ring().map(drop)
}

/// One request, as the kernel reads it.
#[derive(Default)]
#[repr(C)]
struct Request {
    operation: u8,
    flags: u8,
    priority: u16,
    fd: i32,
    offset: u64,
    address: u64,
    length: u32,
    operation_flags: u32,
    rest: [u64; 4],
}

fn map(ring: i64, offset: u64) -> Result<*mut u8, Refusal> {
    let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let page = call!(libc::SYS_mmap, 0, 4096, access, shared, ring, offset)?;
    Ok(std::ptr::with_exposed_provenance_mut(page as usize))
}

/// Has the kernel carry out one request, and returns what came of it.
fn carry_out(request: Request) -> Result<i32, Refusal> {
    let (ring, parameters) = new_ring()?;
    let submission = map(ring, 0)?;
    let completion = map(ring, 0x800_0000)?;
    let requests = map(ring, 0x1000_0000)?;
    let at = |base: *mut u8, offset: u32| base.wrapping_add(offset as usize);
    // Fields of the submission ring: head, tail, mask, entries, flags, dropped, array.
    let (tail, array) = (at(submission, parameters.submission[1]), at(submission, parameters.submission[6]));
    // SAFETY: the kernel mapped these pages for this, and said where their parts lie.
    unsafe {
        requests.cast::<Request>().write(request);
        array.cast::<u32>().write(0);
        tail.cast::<u32>().write_volatile(1);
    }
    let wait_for_completions = 1;
    call!(libc::SYS_io_uring_enter, ring, 1, 1, wait_for_completions, 0, 0)?;
    // Fields of the completion ring: head, tail, mask, entries, overflow, completions.
    let first = at(completion, parameters.completion[5]);
    // SAFETY: the call above returned after one completion was written there; its result follows 8 bytes.
    let result = unsafe { first.wrapping_add(8).cast::<i32>().read_volatile() };
    if result < 0 { Err(std::io::Error::from_raw_os_error(-result).into()) } else { Ok(result) }
}

/// Opens and writes a file outside, by ring alone.
fn write(args: &Args) -> Outcome {
    let path = text(args.text(0)?);
    let file = carry_out(Request {
        operation: OP_OPENAT,
        fd: libc::AT_FDCWD,
        address: path.as_ptr().addr() as u64,
        operation_flags: libc::O_WRONLY as u32,
        ..Request::default()
    })?;
    let bytes = b"by ring";
    carry_out(Request {
        operation: OP_WRITE,
        fd: file,
        address: bytes.as_ptr().addr() as u64,
        length: bytes.len() as u32,
        ..Request::default()
    })?;
    Ok(())
}

/// Connects to a port outside, by ring alone.
fn connect(args: &Args) -> Outcome {
    let socket = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
    let address = super::network::ipv4(args.id(0)?);
    carry_out(Request {
        operation: OP_CONNECT,
        fd: socket as i32,
        offset: size_of_val(&address) as u64,
        address: (&raw const address).addr() as u64,
        ..Request::default()
    })?;
    super::network::greeted(socket as i32, args.text(1)?)
}
