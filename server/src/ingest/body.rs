//! Reading a request body: decompressed as it arrives, counted as it grows, never more than [`LIMIT`] and never more than
//! the budget that all requests share.

use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};
use http_body_util::BodyExt as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Largest body after decompression; OTLP's specification recommends 64 MiB. Compressed bodies obey it too.
pub const LIMIT: usize = 64 << 20;
/// A sender that sends nothing for so long is given up.
const IDLE: Duration = Duration::from_secs(30);
/// How much of a body that is too large is still read and thrown away, so that its sender reads the answer instead of a
/// broken connection (which it would retry).
const DRAIN: usize = 4 * LIMIT;
const DRAIN_TIME: Duration = Duration::from_secs(10);
/// Compressed bytes given to a decoder before the budget is asked again.
const SLICE: usize = 8 << 10;
const KIB: usize = 1 << 10;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    TooLarge,
    /// No budget within the patience.
    Busy,
    /// Not what its encoding says.
    Broken(&'static str),
    /// Nothing arrived for half a minute.
    Slow,
    /// The sender went away.
    Gone,
}

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    /// RFC 9110: zlib. Some senders mean the raw stream; both are understood.
    Deflate,
    Zstd,
}

impl Encoding {
    /// From `Content-Encoding` or `grpc-encoding`; `None` if we do not know it.
    pub fn from_name(name: &str) -> Option<Encoding> {
        match name.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Encoding::Identity),
            "gzip" | "x-gzip" => Some(Encoding::Gzip),
            "deflate" => Some(Encoding::Deflate),
            "zstd" => Some(Encoding::Zstd),
            _ => None,
        }
    }
}

/// Decoded bytes that all requests together may hold.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Semaphore>);

impl Budget {
    pub fn new(bytes: usize) -> Budget {
        Budget(Arc::new(Semaphore::new(bytes / KIB)))
    }
}

/// A body, and its share of the budget until it is dropped.
#[derive(Debug)]
pub struct Held {
    pub bytes: Bytes,
    _share: Share,
}

#[derive(Debug)]
struct Share {
    budget: Budget,
    permit: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Makes the share cover `bytes`. Waiting comes out of `patience`.
    async fn cover(&mut self, bytes: usize, patience: &mut Duration) -> Result<(), Trouble> {
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        // In large steps: most bodies need one.
        let wanted = bytes.div_ceil(64 * KIB) * 64;
        let Some(more) = wanted.checked_sub(held).filter(|more| *more > 0) else { return Ok(()) };
        let since = Instant::now();
        let acquired = tokio::time::timeout(*patience, self.budget.0.clone().acquire_many_owned(more as u32)).await;
        *patience = patience.saturating_sub(since.elapsed());
        let permit = acquired.map_err(|_| Trouble::Busy)?.map_err(|_| Trouble::Busy)?;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

/// What surrounds the message in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Nothing: HTTP.
    Bare(Encoding),
    /// gRPC's length prefix (a flag byte and four of length), and the encoding that the flag stands for if one was named.
    Grpc(Option<Encoding>),
}

/// Reads a body to its end.
pub async fn read<B>(body: B, framing: Framing, budget: &Budget, patience: &mut Duration) -> Result<Held, Trouble>
where
    B: http_body::Body<Data = Bytes>,
{
    let mut body = std::pin::pin!(body);
    if matches!(framing, Framing::Bare(Encoding::Identity)) && body.size_hint().lower() > LIMIT as u64 {
        drain(body).await;
        return Err(Trouble::TooLarge);
    }
    let mut reading = Reading {
        framing,
        share: Share { budget: budget.clone(), permit: None },
        received: 0,
        prefix: Vec::new(),
        whole: None,
        decoder: None,
    };
    loop {
        let frame = tokio::time::timeout(IDLE, body.frame()).await.map_err(|_| Trouble::Slow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Trouble::Gone)?.into_data() else { continue };
        if let Err(trouble) = reading.take(data, patience).await {
            if trouble == Trouble::TooLarge && matches!(framing, Framing::Bare(_)) {
                drain(body).await;
            }
            return Err(trouble);
        }
    }
    reading.finish()
}

async fn drain<B: http_body::Body<Data = Bytes>>(mut body: std::pin::Pin<&mut B>) {
    let _ = tokio::time::timeout(DRAIN_TIME, async {
        let mut drained = 0;
        while let Some(Ok(frame)) = body.frame().await
            && drained < DRAIN
        {
            drained += frame.data_ref().map_or(0, Bytes::len);
        }
    })
    .await;
}

struct Reading {
    framing: Framing,
    share: Share,
    /// Bytes of the message as sent.
    received: usize,
    /// gRPC's prefix while it is incomplete.
    prefix: Vec<u8>,
    /// An uncompressed body that came in one piece is never copied.
    whole: Option<Bytes>,
    decoder: Option<Decoder>,
}

impl Reading {
    async fn take(&mut self, mut data: Bytes, patience: &mut Duration) -> Result<(), Trouble> {
        if let Framing::Grpc(_) = self.framing
            && self.prefix.len() < 5
        {
            let missing = (5 - self.prefix.len()).min(data.len());
            self.prefix.extend_from_slice(&data.split_to(missing));
            if self.prefix.len() == 5 && self.message_length() > LIMIT {
                return Err(Trouble::TooLarge);
            }
        }
        if data.is_empty() {
            return Ok(());
        }
        self.received += data.len();
        if self.received > LIMIT {
            return Err(Trouble::TooLarge);
        }
        if let Framing::Grpc(_) = self.framing
            && self.received > self.message_length()
        {
            return Err(Trouble::Broken("more than one message in a unary call"));
        }
        let encoding = self.encoding()?;
        if self.decoder.is_none() && encoding == Encoding::Identity {
            self.share.cover(self.received, patience).await?;
            match self.whole.take() {
                None => {
                    self.whole = Some(data);
                    return Ok(());
                }
                Some(first) => {
                    let mut sink = Sink::default();
                    sink.extend(&first)?;
                    self.decoder = Some(Decoder::Identity(sink));
                }
            }
        }
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(encoding, data[0])?),
        };
        for mut slice in data.chunks(SLICE) {
            loop {
                self.share.cover(decoder.sink().0.len() + slice.len(), patience).await?;
                if decoder.feed(&mut slice)? && slice.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn message_length(&self) -> usize {
        self.prefix.get(1..5).map_or(0, |length| u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize)
    }

    fn encoding(&self) -> Result<Encoding, Trouble> {
        match (self.framing, self.prefix.first()) {
            (Framing::Bare(encoding), _) => Ok(encoding),
            (Framing::Grpc(_), Some(0)) => Ok(Encoding::Identity),
            (Framing::Grpc(Some(encoding)), Some(1)) => Ok(encoding),
            (Framing::Grpc(_), _) => Err(Trouble::Broken("compressed-flag without a grpc-encoding")),
        }
    }

    fn finish(self) -> Result<Held, Trouble> {
        if let Framing::Grpc(_) = self.framing
            && (self.prefix.len() < 5 || self.received < self.message_length())
        {
            return Err(Trouble::Broken("truncated message"));
        }
        let bytes = match (self.whole, self.decoder) {
            (Some(whole), _) => whole,
            (None, Some(decoder)) => decoder.finish()?.into(),
            // Nothing sent: an empty request, whatever it calls its encoding.
            (None, None) => Bytes::new(),
        };
        Ok(Held { bytes, _share: self.share })
    }
}

/// Decoded bytes, at most [`LIMIT`].
#[derive(Default)]
struct Sink(Vec<u8>);

impl Sink {
    fn extend(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
        if self.0.len() > LIMIT { Err(Trouble::TooLarge) } else { Ok(()) }
    }

    /// Doubles as a vector does, but not beyond the limit.
    fn reserve(&mut self, more: usize) {
        let needed = self.0.len() + more;
        if needed > self.0.capacity() {
            let goal = needed.max((self.0.capacity() * 2).min(LIMIT));
            self.0.reserve_exact(goal - self.0.len());
        }
    }
}

/// For flate2's gzip reader, which writes into it. The marker tells its error from one of the format.
impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.extend(bytes).map_err(|_| std::io::Error::from(std::io::ErrorKind::FileTooLarge))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

enum Decoder {
    Identity(Sink),
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>),
    Deflate { stream: Decompress, sink: Sink, ended: bool },
    Zstd { stream: zstd::stream::raw::Decoder<'static>, sink: Sink, ended: bool },
}

/// Output space offered to a decoder at a time.
const STEP: usize = 64 << 10;

impl Decoder {
    fn new(encoding: Encoding, first: u8) -> Result<Decoder, Trouble> {
        let sink = Sink::default();
        Ok(match encoding {
            Encoding::Identity => Decoder::Identity(sink),
            Encoding::Gzip => Decoder::Gzip(Box::new(flate2::write::MultiGzDecoder::new(sink))),
            // RFC 1950: a zlib stream begins with method 8 and a window of at most 7, which no first byte of a useful raw
            // stream has (it would be a stored block with odd padding).
            Encoding::Deflate => Decoder::Deflate { stream: Decompress::new(first & 0x8f == 0x08), sink, ended: false },
            Encoding::Zstd => {
                let mut stream = zstd::stream::raw::Decoder::new().map_err(|_| Trouble::Busy)?;
                // RFC 9659: HTTP's zstd has a window of at most 8 MB.
                stream.set_parameter(zstd::stream::raw::DParameter::WindowLogMax(23)).map_err(|_| Trouble::Busy)?;
                Decoder::Zstd { stream, sink, ended: true }
            }
        })
    }

    fn sink(&self) -> &Sink {
        match self {
            Decoder::Identity(sink) | Decoder::Deflate { sink, .. } | Decoder::Zstd { sink, .. } => sink,
            Decoder::Gzip(stream) => stream.get_ref(),
        }
    }

    /// Decodes some of `input`, which it shortens; `true` if all that came of what it took is out.
    fn feed(&mut self, input: &mut &[u8]) -> Result<bool, Trouble> {
        match self {
            Decoder::Identity(sink) => sink.extend(std::mem::take(input)).map(|()| true),
            Decoder::Gzip(stream) => match stream.write_all(std::mem::take(input)) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(Trouble::TooLarge),
                Err(_) => Err(Trouble::Broken("not gzip")),
            },
            Decoder::Deflate { stream, sink, ended } => {
                if *ended {
                    return Err(Trouble::Broken("bytes after the end of the deflate stream"));
                }
                sink.reserve(STEP);
                let (taken, room) = (stream.total_in(), sink.0.capacity() - sink.0.len());
                let before = sink.0.len();
                let status =
                    stream.decompress_vec(input, &mut sink.0, FlushDecompress::None).map_err(|_| Trouble::Broken("not deflate"))?;
                *input = &input[(stream.total_in() - taken) as usize..];
                *ended = status == Status::StreamEnd;
                if sink.0.len() > LIMIT {
                    return Err(Trouble::TooLarge);
                }
                Ok(*ended || sink.0.len() - before < room)
            }
            Decoder::Zstd { stream, sink, ended } => {
                use zstd::stream::raw::{InBuffer, Operation as _, OutBuffer};
                sink.reserve(STEP);
                let (before, room) = (sink.0.len(), sink.0.capacity() - sink.0.len());
                let mut from = InBuffer::around(input);
                let mut to = OutBuffer::around_pos(&mut sink.0, before);
                let hint = stream.run(&mut from, &mut to).map_err(|_| Trouble::Broken("not zstd, or a window above 8 MB"))?;
                let taken = from.pos();
                *input = &input[taken..];
                *ended = hint == 0;
                if sink.0.len() > LIMIT {
                    return Err(Trouble::TooLarge);
                }
                Ok(sink.0.len() - before < room)
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, Trouble> {
        match self {
            Decoder::Identity(sink) => Ok(sink.0),
            Decoder::Gzip(stream) => match stream.finish() {
                Ok(sink) => Ok(sink.0),
                Err(error) if error.kind() == std::io::ErrorKind::FileTooLarge => Err(Trouble::TooLarge),
                Err(_) => Err(Trouble::Broken("truncated gzip")),
            },
            Decoder::Deflate { sink, ended: true, .. } | Decoder::Zstd { sink, ended: true, .. } => Ok(sink.0),
            Decoder::Deflate { .. } => Err(Trouble::Broken("truncated deflate")),
            Decoder::Zstd { .. } => Err(Trouble::Broken("truncated zstd")),
        }
    }
}
