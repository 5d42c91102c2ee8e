//! What is counted, in the text format of Prometheus.
//!
//! Labels come from closed sets: the routes of the server, the methods of HTTP, the numbers of its statuses.
//! No caller can make another one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

/// The type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Upper bounds of the buckets of durations, in microseconds.
const BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_500_000, 10_000_000];

#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(String, &'static str, u16), u64>>,
    buckets: [AtomicU64; BOUNDS_US.len()],
    count: AtomicU64,
    sum_us: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    panics: AtomicU64,
    /// Requests that are being answered.
    pub(crate) in_flight: AtomicI64,
    /// Connections that are open.
    pub(crate) connections: AtomicI64,
}

impl Metrics {
    /// Counts an answered request.
    pub(crate) fn answered(&self, class: &str, method: &Method, status: StatusCode, took: Duration) {
        let key = (class.to_owned(), name(method), status.as_u16());
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default() += 1;
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS_US.iter().position(|bound| us <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Counts the bytes of a request's body and of its answer's.
    pub(crate) fn moved(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    /// Counts a panic.
    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything, as text.
    pub(crate) fn text(&self) -> String {
        let mut out = String::with_capacity(4_096);
        // Writing into a string cannot fail.
        let _never = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        head(out, "forge_requests_total", "counter", "Requests that were answered.")?;
        for ((class, method, status), count) in
            self.requests.lock().unwrap_or_else(PoisonError::into_inner).iter()
        {
            writeln!(
                out,
                "forge_requests_total{{route=\"{class}\",method=\"{method}\",status=\"{status}\"}} {count}"
            )?;
        }
        head(
            out,
            "forge_request_duration_seconds",
            "histogram",
            "From the head of a request to its answer.",
        )?;
        let mut below = 0;
        for (bound, bucket) in BOUNDS_US.iter().zip(&self.buckets) {
            below += bucket.load(Ordering::Relaxed);
            let seconds = *bound as f64 / 1e6;
            writeln!(out, "forge_request_duration_seconds_bucket{{le=\"{seconds}\"}} {below}")?;
        }
        let count = self.count.load(Ordering::Relaxed);
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        writeln!(out, "forge_request_duration_seconds_bucket{{le=\"+Inf\"}} {count}")?;
        writeln!(out, "forge_request_duration_seconds_sum {sum}")?;
        writeln!(out, "forge_request_duration_seconds_count {count}")?;
        for (name, kind, help, value) in [
            ("forge_requests_in_flight", "gauge", "Requests being answered.", signed(&self.in_flight)),
            ("forge_connections", "gauge", "Open connections.", signed(&self.connections)),
            ("forge_request_bytes_total", "counter", "Bytes of bodies in.", plain(&self.bytes_in)),
            ("forge_response_bytes_total", "counter", "Bytes of bodies out.", plain(&self.bytes_out)),
            ("forge_panics_total", "counter", "Requests whose service panicked.", plain(&self.panics)),
        ] {
            head(out, name, kind, help)?;
            writeln!(out, "{name} {value}")?;
        }
        Ok(())
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn signed(value: &AtomicI64) -> u64 {
    u64::try_from(value.load(Ordering::Relaxed)).unwrap_or(0)
}

fn plain(value: &AtomicU64) -> u64 {
    value.load(Ordering::Relaxed)
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
