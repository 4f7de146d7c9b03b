//! The demo: a believable day of a yarn shop's traffic, made from a seed and sent by OTLP like anybody else's.

pub mod calls;
pub mod day;
pub mod drawing;
pub mod import;
pub mod order;
pub mod random;
pub mod requests;
pub mod shop;
pub mod value;
pub mod wire;

use anyhow::{Context, bail};
use day::{Day, Plan};
use model::time::Nanos;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The dataset every demo span carries (`x-honeycomb-dataset`): by it the demo is recognised and removed.
pub const DATASET: &str = "clew-demo";

/// Visits of a demo day: about 85,000 spans with the import's 20,000.
pub const VISITS: u32 = 4_000;

/// The seed that is used when none is given.
pub const SEED: u64 = 1;

/// Spans per request: what a busy collector sends.
const SPANS_PER_REQUEST: usize = 1_000;

/// How often one request is tried before the demo gives up.
const ATTEMPTS: u32 = 8;

/// How the demo is sent.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The same seed makes the same day
    #[arg(long, default_value_t = SEED)]
    pub seed: u64,

    /// Send at most so many spans a second [default: as fast as they are taken]
    #[arg(long = "rate-limit", value_name = "SPANS", value_parser = clap::value_parser!(u32).range(1..))]
    pub spans_per_second: Option<u32>,
}

impl Default for Options {
    fn default() -> Options {
        Options { seed: SEED, spans_per_second: None }
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Sent {
    pub requests: u64,
    pub spans: u64,
    /// Of the spans, those the instance would not take.
    pub rejected: u64,
}

/// [`send`], told on standard output as it goes.
///
/// # Errors
/// As [`send`], in a sentence.
pub async fn tell(base: &str, options: Options) -> Result<(), String> {
    println!("Sending a day of a yarn shop's traffic to {base} ...");
    let begun = std::time::Instant::now();
    let sent = send(base, options).await.map_err(|error| format!("{error:#}"))?;
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{} spans in {} requests, {seconds:.1} s; {} rejected. Look at {base}/traces?last=24h",
        sent.spans, sent.requests, sent.rejected
    );
    Ok(())
}

/// Sends the day that ends now to the instance at `base_url` (`http://127.0.0.1:3000`), over its OTLP/HTTP endpoint.
///
/// # Errors
/// If the instance cannot be reached, refuses for good, or stays busy for too long.
pub async fn send(base_url: &str, options: Options) -> anyhow::Result<Sent> {
    let plan = Plan { seed: options.seed, now: now(), visits: VISITS };
    let url = format!("{}/v1/traces", base_url.trim_end_matches('/'));
    let client = reqwest::Client::new();
    let mut sent = Sent::default();
    let begun = tokio::time::Instant::now();
    for request in wire::requests(Day::new(plan), SPANS_PER_REQUEST) {
        let rejected = post(&client, &url, request.encode_to_vec()).await?;
        sent.requests += 1;
        sent.spans += wire::spans(&request) as u64;
        sent.rejected += rejected;
        if let Some(limit) = options.spans_per_second {
            tokio::time::sleep_until(begun + Duration::from_secs_f64(sent.spans as f64 / f64::from(limit.max(1)))).await;
        }
    }
    Ok(sent)
}

/// Posts one request, again while the instance is busy. Returns how many of its spans were rejected.
async fn post(client: &reqwest::Client, url: &str, body: Vec<u8>) -> anyhow::Result<u64> {
    let body = bytes::Bytes::from(body);
    for attempt in 1..=ATTEMPTS {
        let request = client.post(url).header(CONTENT_TYPE, "application/x-protobuf").header("x-honeycomb-dataset", DATASET);
        let answer = request.body(body.clone()).send().await.with_context(|| format!("could not send to {url}"))?;
        let wait = answer.headers().get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        match answer.status() {
            StatusCode::OK => {
                let answer = ExportTraceServiceResponse::decode(answer.bytes().await?).context("the answer is not OTLP; is this Clew?")?;
                return Ok(answer.partial_success.map_or(0, |partial| partial.rejected_spans.max(0).cast_unsigned()));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS if attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1))).await;
            }
            status => bail!("{url} answered {status}"),
        }
    }
    unreachable!("the last attempt returns")
}

/// Nanoseconds since the epoch.
fn now() -> Nanos {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as Nanos)
}

#[cfg(test)]
mod tests;
