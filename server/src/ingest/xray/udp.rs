//! The daemon's UDP port. One thread does nothing but receive and hand on; a task translates what came and commits it in
//! groups. UDP has no answer, so what cannot be taken is counted: by us when our queue is full, by the kernel when its is.
//!
//! Source: aws-xray-daemon `pkg/tracesegment`, `pkg/cfg`.

use super::UDP;
use super::translate::Translator;
use crate::ingest::{Arrival, Batch, Ingest, Signal, now};
use crate::meter::Count;
use crate::store::Refused;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What the kernel is asked to buffer. Linux grants no more than `net.core.rmem_max`, and does not say so.
const ASKED: usize = 8 << 20;
/// A datagram of IPv4 is at most 65,507 bytes.
const LARGEST: usize = 64 << 10;
/// Bytes received and not yet on disk.
const QUEUE: usize = 64 << 20;
/// What a datagram takes of the queue beyond its bytes.
const OVERHEAD: usize = 128;
/// Datagrams of one batch.
const GROUP: usize = 4096;
/// How long datagrams are gathered: a commit of many costs little more than one of a few, and no sender waits for it.
const GATHER: Duration = Duration::from_millis(100);
/// Batches up to so many bytes are translated on the spot.
const INLINE: usize = 256 << 10;
/// The store decides how much it takes at once; meanwhile the queue fills.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A bound port.
#[derive(Debug)]
pub struct Port {
    socket: UdpSocket,
    /// Bytes the kernel buffers.
    granted: usize,
    kernel: Kernel,
}

impl Port {
    /// Binds the port with as large a buffer as the kernel grants.
    pub fn bind(addr: SocketAddr) -> io::Result<Port> {
        let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        // A smaller buffer than this is no reason not to listen.
        let _ = socket.set_recv_buffer_size(ASKED);
        let size = socket.recv_buffer_size()?;
        // Linux doubles what is asked for, for its own bookkeeping (socket(7), SO_RCVBUF).
        let granted = if cfg!(target_os = "linux") { size / 2 } else { size };
        socket.bind(&addr.into())?;
        // So that the thread sees in time that it is to stop.
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let socket = UdpSocket::from(socket);
        let kernel = Kernel::of(&socket);
        Ok(Port { socket, granted, kernel })
    }

    /// What a person should know of the buffer.
    pub fn note(&self) -> String {
        let kb = |bytes: usize| format!("{} kB", bytes.div_ceil(1000));
        match self.granted {
            granted if granted >= ASKED => format!("UDP buffer {}", kb(granted)),
            granted => format!("UDP buffer {} of {} asked for: sysctl net.core.rmem_max sets the limit", kb(granted), kb(ASKED)),
        }
    }
}

/// Receives until `stop` says so, and ends when all that was received is on disk.
pub async fn serve(port: Port, ingest: Arc<Ingest>, stop: watch::Receiver<bool>) {
    let Port { socket, mut kernel, .. } = port;
    let (queue, mut datagrams) = unbounded_channel();
    let refused = Arc::new(AtomicU64::new(0));
    let counter = refused.clone();
    let thread = std::thread::Builder::new().name("xray-udp".into()).spawn(move || receive(&socket, &queue, &counter, &stop));
    if let Err(error) = thread {
        tracing::error!("X-Ray datagrams are not received: {error}");
        return;
    }
    let mut asked = Instant::now();
    loop {
        let (group, ended) = next(&mut datagrams).await;
        let mut batch = translate(&ingest, &group).await;
        let mut lost = vec![("queue full", refused.swap(0, Ordering::Relaxed))];
        if ended || asked.elapsed() > Duration::from_secs(1) {
            asked = Instant::now();
            lost.push(("kernel buffer full", kernel.dropped()));
        }
        batch.dropped.extend(lost.into_iter().filter(|(_, count)| *count > 0).map(|(reason, count)| (Signal::Traces, reason, count)));
        match ingest.accept(UDP, batch, PATIENCE).await {
            Ok(_) => {}
            Err(Refused::Busy { .. }) => tracing::error!("the store took no X-Ray datagrams for an hour: {} are lost", group.len()),
            Err(Refused::Closed) => tracing::error!("the store is closed: {} X-Ray datagrams are lost", group.len()),
        }
        if ended {
            break;
        }
    }
}

/// Received bytes, and their share of the queue until they are on disk.
#[derive(Debug)]
struct Datagram {
    bytes: Box<[u8]>,
    _share: OwnedSemaphorePermit,
}

/// The thread.
fn receive(socket: &UdpSocket, queue: &UnboundedSender<Datagram>, refused: &AtomicU64, stop: &watch::Receiver<bool>) {
    let room = Arc::new(Semaphore::new(QUEUE));
    let mut buffer = vec![0; LARGEST];
    let mut stopping = false;
    loop {
        if !stopping && (*stop.borrow() || stop.has_changed().is_err()) {
            stopping = true;
            // What the kernel holds by now is still taken.
            if socket.set_nonblocking(true).is_err() {
                return;
            }
        }
        match socket.recv(&mut buffer) {
            Ok(length) => match room.clone().try_acquire_many_owned((length + OVERHEAD) as u32) {
                Ok(share) => {
                    if queue.send(Datagram { bytes: buffer[..length].into(), _share: share }).is_err() {
                        return;
                    }
                }
                Err(_) => drop(refused.fetch_add(1, Ordering::Relaxed)),
            },
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut if stopping => return,
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                _ => {
                    tracing::warn!("receiving X-Ray datagrams: {error}");
                    std::thread::sleep(Duration::from_millis(50));
                }
            },
        }
    }
}

/// What came since the last call and shortly after it, and whether it was the last of all. Comes back after a second, too: the
/// kernel's count wants to be read.
async fn next(datagrams: &mut UnboundedReceiver<Datagram>) -> (Arc<Vec<Datagram>>, bool) {
    let mut group = Vec::new();
    let received = tokio::time::timeout(Duration::from_secs(1), datagrams.recv_many(&mut group, GROUP)).await;
    if !group.is_empty() && group.len() < GROUP && !datagrams.is_closed() {
        tokio::time::sleep(GATHER).await;
        while group.len() < GROUP
            && let Ok(datagram) = datagrams.try_recv()
        {
            group.push(datagram);
        }
    }
    (Arc::new(group), received == Ok(0))
}

async fn translate(ingest: &Ingest, group: &Arc<Vec<Datagram>>) -> Batch {
    let arrival = Arrival { received_at: now(), source: UDP.into(), key: "".into(), dataset: "".into(), own: ingest.own.clone() };
    let bytes: usize = group.iter().map(|datagram| datagram.bytes.len()).sum();
    ingest.meter.add(Count::Bytes, UDP, "", "", bytes as u64);
    if bytes <= INLINE {
        return of_datagrams(&arrival, group);
    }
    let group = group.clone();
    let count = group.len() as u64;
    // A translator does not panic; should it, its datagrams are counted all the same.
    tokio::task::spawn_blocking(move || of_datagrams(&arrival, &group)).await.unwrap_or_else(|error| {
        tracing::error!("translating X-Ray datagrams: {error}");
        Batch { dropped: vec![(Signal::Traces, "not translated", count)], ..Batch::default() }
    })
}

fn of_datagrams(arrival: &Arrival, group: &[Datagram]) -> Batch {
    let mut translator = Translator::new(arrival);
    group.iter().for_each(|datagram| translator.datagram(&datagram.bytes));
    translator.finish()
}

/// The kernel's own count of the datagrams it had no room for.
#[derive(Debug)]
struct Kernel {
    /// How `/proc/net/udp` calls the socket.
    inode: Option<String>,
    counted: u64,
}

impl Kernel {
    fn of(socket: &UdpSocket) -> Kernel {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).ok();
        let inode = link.and_then(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()));
        Kernel { inode, counted: 0 }
    }

    /// Datagrams dropped since the last call; none where the kernel does not say (it is Linux that does).
    fn dropped(&mut self) -> u64 {
        let Some(inode) = &self.inode else { return 0 };
        let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"].map(|file| std::fs::read_to_string(file).unwrap_or_default());
        let Some(total) = tables.iter().find_map(|table| drops(table, inode)) else { return 0 };
        let since = total.saturating_sub(self.counted);
        self.counted = total;
        since
    }
}

/// The last column of the socket's row (Linux `net/ipv4/udp.c`, `udp4_format_sock`).
fn drops(table: &str, inode: &str) -> Option<u64> {
    table.lines().find_map(|row| {
        let mut columns = row.split_ascii_whitespace();
        (columns.nth(9)? == inode).then(|| columns.nth(2)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_within_a_moment_is_one_group() {
        let (queue, mut datagrams) = unbounded_channel();
        let room = Arc::new(Semaphore::new(2));
        let send = || {
            let share = room.clone().try_acquire_owned().unwrap();
            queue.send(Datagram { bytes: Box::from(*b"x"), _share: share }).unwrap();
        };
        send();
        let later = async {
            tokio::time::sleep(GATHER / 10).await;
            send();
        };
        let ((group, ended), ()) = tokio::join!(next(&mut datagrams), later);
        assert_eq!((group.len(), ended), (2, false));
        drop(queue);
        assert!(next(&mut datagrams).await.1, "and that was the last");
    }

    #[test]
    fn the_kernels_count() {
        let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  329: 0100007F:07D0 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 26541 2 0000000000000000 17
  330: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2654 2 0000000000000000 0
";
        assert_eq!(drops(table, "26541"), Some(17));
        assert_eq!(drops(table, "2654"), Some(0));
        assert_eq!(drops(table, "265"), None);
    }

    #[test]
    fn datagrams_without_room_are_counted_by_the_kernel() {
        let mut port = Port::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = port.socket.local_addr().unwrap();
        assert_eq!(port.kernel.dropped(), 0);
        // Nobody receives: what is beyond the buffer is dropped.
        let count = 2 * port.granted / 60_000 + 10;
        (0..count).for_each(|_| assert_eq!(sender.send_to(&[0; 60_000], to).unwrap(), 60_000));
        let dropped = port.kernel.dropped();
        assert!(dropped > 0 && dropped < count as u64, "{dropped} of {count}");
        assert_eq!(port.kernel.dropped(), 0, "each is counted once");
        assert!(port.note().contains("UDP buffer"));
    }
}
