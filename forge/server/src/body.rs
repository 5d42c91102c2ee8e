//! Bodies of requests: whole, inflated, within their bound.

use std::error::Error;
use std::io::Read;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body;

use crate::problem::Problem;

/// The window of zstd, as a power of two: what a frame can make its reader allocate.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Reads `body`, within `time_max`, to at most `bytes_max` bytes before and after it is inflated. What came
/// over the wire is counted into `wire_bytes`; the headers then describe what is returned.
pub(crate) async fn read<B>(
    body: B,
    headers: &mut HeaderMap,
    bytes_max: usize,
    time_max: Duration,
    wire_bytes: &mut u64,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let received = tokio::time::timeout(time_max, receive(body, bytes_max));
    let received = received.await.map_err(|_| {
        Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", "the body took too long to arrive")
            .closing()
    })??;
    *wire_bytes = received.len() as u64;
    let encoding = headers.remove(CONTENT_ENCODING);
    let whole = match encoding {
        None => received,
        Some(encoding) => inflated(received, &encoding, bytes_max).await?,
    };
    headers.remove(TRANSFER_ENCODING);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    Ok(whole)
}

async fn receive<B>(mut body: B, bytes_max: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error,
{
    // What is announced as too long is not read at all.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_long(bytes_max));
    }
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "body_broken", "the body ended before its end").closing()
        })?;
        let Ok(data) = frame.into_data() else { continue }; // Trailers say nothing here.
        if first.as_ref().map_or(0, Bytes::len) + rest.len() + data.len() > bytes_max {
            return Err(too_long(bytes_max));
        }
        match &first {
            None => first = Some(data), // Small bodies come in one piece, and are not copied.
            Some(_) => rest.extend_from_slice(&data),
        }
    }
    let Some(first) = first else { return Ok(Bytes::new()) };
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}

/// Inflates away from the threads that serve: it is the one thing here that may take milliseconds.
async fn inflated(body: Bytes, encoding: &HeaderValue, bytes_max: usize) -> Result<Bytes, Problem> {
    let coding = match encoding.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "identity" | "" => return Ok(body),
        "gzip" | "x-gzip" => Coding::Gzip,
        "deflate" => Coding::Deflate,
        "br" => Coding::Brotli,
        "zstd" => Coding::Zstd,
        _ => {
            let message = "the Content-Encoding of the body is not known";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "encoding_unknown", message)
                .hint("send it as gzip, deflate, br, zstd, or as it is"));
        }
    };
    let done = tokio::task::spawn_blocking(move || inflate(&body, coding, bytes_max)).await;
    done.unwrap_or_else(|_| Err(broken()))
}

#[derive(Debug, Clone, Copy)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

fn inflate(body: &[u8], coding: Coding, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut whole = Vec::new();
    // One byte more than is allowed tells that there is more.
    let bound = bytes_max as u64 + 1;
    let read = match coding {
        Coding::Gzip => flate2::read::MultiGzDecoder::new(body).take(bound).read_to_end(&mut whole),
        Coding::Deflate => flate2::read::ZlibDecoder::new(body).take(bound).read_to_end(&mut whole),
        Coding::Brotli => brotli::Decompressor::new(body, 4_096).take(bound).read_to_end(&mut whole),
        Coding::Zstd => zstd::stream::read::Decoder::new(body).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
            decoder.take(bound).read_to_end(&mut whole)
        }),
    };
    read.map_err(|_| broken())?;
    if whole.len() > bytes_max {
        return Err(too_long(bytes_max));
    }
    Ok(Bytes::from(whole))
}

fn too_long(bytes_max: usize) -> Problem {
    let message = format!("the body is longer than {bytes_max} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_long", message).closing()
}

fn broken() -> Problem {
    let message = "the body is not what its Content-Encoding says";
    Problem::new(StatusCode::BAD_REQUEST, "encoding_broken", message)
}
