//! The bytes' way to the broker: TCP, TLS where it is asked for, and a relay that the MQTT client talks to over a local socket.
//!
//! ```text
//!  rumqttc --abstract Unix socket--> relay --TLS--> counted TCP --> broker
//! ```
//!
//! rumqttc opens its connections itself and brings an outdated webpki for TLS. Over this relay it needs none, and here is the
//! one place for our own deadlines, the time that certificates are judged at, `TCP_USER_TIMEOUT`, the count of bytes, and for what a broker
//! says that rumqttc does not understand.
//! A stall of the broker fills the relay (two buffers of 8 KiB and the socket's own), and then stops the client, which the
//! session's watchdog sees: nothing is heard any more.

use super::gone::{Cause, Gone};
use super::reasons::Reasons;
use super::tls;
use crate::besttime::BestTime;
use crate::budget::{CLASSES, Class, HEADERS};
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy, split};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

/// DNS, TCP and TLS together: at 2 s round trip and 9.6 kbit/s, with certificates both ways, they take 6 to 8 s; a cell that
/// just woke up takes ten more.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(60);
/// The other end closed in good order, and said nothing that the client understood.
const CLOSED: &str = "the broker closed the connection without a word that the client understands: it stopped, or two trucks \
                      with one identity put each other out, or it does not let this truck publish its events: see its access \
                      control list and its log";
/// Contents of a segment on roads with PPPoE, tunnels and IPv6 between.
const SEGMENT: usize = 1_360;
/// Segments of a connection that carry nothing: SYN, SYN with ACK, ACK; FIN each way, and their ACKs.
const EMPTY_SEGMENTS: u64 = 7;
/// TLS 1.3 around a record: header 5, type 1, tag 16.
const TLS_RECORD: u64 = 22;
/// What the broker said before it took nothing more is here already, or comes at once.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Names to try before giving up: another process may have taken one.
const NAMES_MAX: usize = 16;

/// Where the broker is, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    /// Host name or address.
    pub host: &'a str,
    /// TCP port.
    pub port: u16,
    /// TLS, with the time that certificates are judged at; `None`: plain TCP.
    pub tls: Option<(Arc<ClientConfig>, BestTime)>,
    /// Sent and not acknowledged by the other host's TCP for so long: the kernel ends the connection.
    pub unacknowledged_max: Duration,
}

/// Bytes of all connections together. As they go through the socket, with TLS; and, estimated beside them, the headers of TCP and IP:
/// the kernel tells its count of segments only through `TCP_INFO`, which no safe interface here has. Each read and write counts as
/// segments of `SEGMENT` bytes, each of them with an acknowledgement of its own, so the estimate is on the dear side: where
/// an answer carries the acknowledgement, there is one segment less.
#[derive(Debug, Default)]
pub struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
    segments: AtomicU64,
    handshakes: AtomicU64,
    /// What was handed over for sending, by what it is for.
    classes: [AtomicU64; CLASSES],
}

impl Traffic {
    /// Sent to the broker.
    #[must_use]
    pub fn up(&self) -> u64 {
        self.up.load(Relaxed)
    }

    /// Received from it.
    #[must_use]
    pub fn down(&self) -> u64 {
        self.down.load(Relaxed)
    }

    /// Both ways, with the headers of TCP and IP.
    #[must_use]
    pub fn on_the_wire(&self) -> u64 {
        self.up() + self.down() + self.segments.load(Relaxed) * HEADERS
    }

    /// Connections that were made as far as TLS.
    #[must_use]
    pub fn handshakes(&self) -> u64 {
        self.handshakes.load(Relaxed)
    }

    /// What of [`Traffic::on_the_wire`] went into messages of `class`.
    #[must_use]
    pub fn of(&self, class: Class) -> u64 {
        self.classes.get(class as usize).map_or(0, |bytes| bytes.load(Relaxed))
    }

    fn carried(&self, bytes: usize) {
        let segments = bytes.div_ceil(SEGMENT) as u64;
        self.segments.fetch_add(2 * segments, Relaxed);
    }
}

/// An open way to the broker; dropping it closes it.
#[derive(Debug)]
pub struct Wire {
    address: String,
    ended: Arc<Mutex<Option<Gone>>>,
    ended_there: Arc<AtomicBool>,
    relay: JoinHandle<()>,
    traffic: Arc<Traffic>,
    record: u64,
}

impl Wire {
    /// Connects, and shakes hands where TLS is asked for, within [`CONNECT_PATIENCE`].
    ///
    /// # Errors
    /// In words that name what to mend.
    pub async fn open(target: &Target<'_>, traffic: Arc<Traffic>) -> Result<Self, Gone> {
        let is_reached = AtomicBool::new(false);
        match tokio::time::timeout(CONNECT_PATIENCE, connect(target, traffic, &is_reached)).await {
            Ok(opened) => opened,
            Err(_) => {
                let (host, port, seconds) = (target.host, target.port, CONNECT_PATIENCE.as_secs());
                if is_reached.into_inner() {
                    let why = format!(
                        "{host}:{port} took the connection and said nothing of TLS within {seconds} s: no TLS there, or too slow a link"
                    );
                    return Err(Gone::new(Cause::Stranger, why));
                }
                let why = format!("no connection to {host}:{port} within {seconds} s: no answer, or one too slow");
                Err(Gone::new(Cause::TimedOut, why))
            }
        }
    }

    /// A packet of so many bytes goes to the broker: what it costs counts for `class`.
    pub fn sends(&self, class: Class, packet: usize) {
        let segments = 2 * packet.div_ceil(SEGMENT) as u64;
        let bytes = packet as u64 + self.record + segments * HEADERS;
        if let Some(spent) = self.traffic.classes.get(class as usize) {
            spent.fetch_add(bytes, Relaxed);
        }
    }

    /// What to give to rumqttc as the broker's address, with `Transport::unix()`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The broker itself closed the connection, and no network did.
    #[must_use]
    pub fn was_closed(&self) -> bool {
        self.ended().is_some_and(|gone| gone.why == CLOSED)
    }

    /// The other end let go, in good order or not: a broker that closes while something of ours is unread resets the connection, as a
    /// network on the way may.
    #[must_use]
    pub fn was_ended_there(&self) -> bool {
        self.ended_there.load(Relaxed)
    }

    /// Why the relay ended, if it has and knows.
    #[must_use]
    pub fn ended(&self) -> Option<Gone> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn connect(target: &Target<'_>, traffic: Arc<Traffic>, is_reached: &AtomicBool) -> Result<Wire, Gone> {
    let (host, port) = (target.host, target.port);
    let tcp = reached(host, port).await?;
    is_reached.store(true, Relaxed);
    // Small packets each way: waiting to fill a segment would make every event late.
    let _ = tcp.set_nodelay(true);
    let limit = u32::try_from(target.unacknowledged_max.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = set_tcp_user_timeout(&tcp, limit) {
        tracing::debug!(%error, "the kernel has no TCP_USER_TIMEOUT; the watchdog alone ends a dead connection");
    }
    traffic.segments.fetch_add(EMPTY_SEGMENTS, Relaxed);
    let counted = Counted { tcp, traffic: Arc::clone(&traffic) };
    match &target.tls {
        None => relayed(counted, traffic, 0, |error| Gone::io("", error)),
        Some((config, time)) => {
            let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
            let (name_of, time) = (host.to_owned(), *time);
            let in_words =
                move |error: &io::Error| match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                    Some(tls) => tls::in_words(tls, &name_of, time),
                    None => Gone::io("", error),
                };
            let connector = TlsConnector::from(Arc::clone(config));
            let shaken = connector.connect(name, counted).await.map_err(|error| in_words(&error))?;
            traffic.handshakes.fetch_add(1, Relaxed);
            relayed(shaken, traffic, TLS_RECORD, in_words)
        }
    }
}

/// The first of the host's addresses that takes a connection.
async fn reached(host: &str, port: u16) -> Result<TcpStream, Gone> {
    let not_resolved = |why: String| Gone::new(Cause::NotResolved, format!("{host}: {why}"));
    let found = tokio::net::lookup_host((host, port)).await.map_err(|error| not_resolved(error.to_string()))?;
    let addresses: Vec<_> = found.collect();
    if addresses.is_empty() {
        return Err(not_resolved("the name has no address".to_owned()));
    }
    TcpStream::connect(&*addresses).await.map_err(|error| Gone::io(&format!("{host}:{port}"), &error))
}

/// Listens for the MQTT client, and joins it to `broker`.
fn relayed<S>(
    broker: S,
    traffic: Arc<Traffic>,
    record: u64,
    in_words: impl Fn(&io::Error) -> Gone + Send + 'static,
) -> Result<Wire, Gone>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (listener, address) = listen().map_err(|error| format!("no local socket for the MQTT client: {error}"))?;
    let ended = Arc::new(Mutex::new(None));
    let ended_there = Arc::new(AtomicBool::new(false));
    let (told, there) = (Arc::clone(&ended), Arc::clone(&ended_there));
    let relay = tokio::spawn(async move {
        let Ok(client) = ours(&listener).await else { return };
        drop(listener);
        let (mut from_client, mut to_client) = client.into_split();
        let (from_broker, mut to_broker) = split(broker);
        let mut from_broker = Understood { stream: from_broker, reasons: Reasons::new() };
        let (why, by_other) = tokio::select! {
            up = copy(&mut from_client, &mut to_broker) => match up {
                Ok(_) => (None, false),
                Err(error) => {
                    // It reads no more; why it does not, it may have said before.
                    let _ = tokio::time::timeout(LAST_WORDS, copy(&mut from_broker, &mut to_client)).await;
                    (Some(in_words(&error)), lets_go(&error))
                }
            },
            down = copy(&mut from_broker, &mut to_client) => match down {
                Ok(_) => (Some(Gone::new(Cause::Denied, CLOSED)), true),
                Err(error) => (Some(in_words(&error)), lets_go(&error)),
            },
        };
        there.store(by_other, Relaxed);
        // Before the client's socket is dropped: when the client notices, the reason is there.
        *told.lock().unwrap_or_else(PoisonError::into_inner) = why;
    });
    Ok(Wire { address, ended, ended_there, relay, traffic, record })
}

/// Whether this is how a connection looks that the other end let go of.
fn lets_go(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let kinds = [Kind::ConnectionReset, Kind::ConnectionAborted, Kind::BrokenPipe, Kind::UnexpectedEof];
    kinds.contains(&error.kind())
}

/// An abstract socket: it has no file that could be left behind or be in a directory that cannot be written.
fn listen() -> io::Result<(UnixListener, String)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut failed = io::ErrorKind::AddrInUse.into();
    for _ in 0..NAMES_MAX {
        let name = format!("gatestamp-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let bound = SocketAddr::from_abstract_name(&name).and_then(|address| StdListener::bind_addr(&address));
        match bound {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                return Ok((UnixListener::from_std(listener)?, format!("\0{name}")));
            }
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The first connection that comes from this process; an abstract name can be connected to by any other.
async fn ours(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (client, _) = listener.accept().await?;
        let from = client.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
        if from == Some(std::process::id()) {
            return Ok(client);
        }
    }
}

/// What the broker says, as the client understands it.
#[derive(Debug)]
struct Understood<S> {
    stream: S,
    reasons: Reasons,
}

impl<S: AsyncRead + Unpin> AsyncRead for Understood<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, into);
        if let Some(read) = into.filled_mut().get_mut(before..) {
            self.reasons.mend(read);
        }
        polled
    }
}

/// TCP that counts.
#[derive(Debug)]
struct Counted {
    tcp: TcpStream,
    traffic: Arc<Traffic>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let polled = Pin::new(&mut self.tcp).poll_read(cx, into);
        let read = into.filled().len() - before;
        self.traffic.down.fetch_add(read as u64, Relaxed);
        self.traffic.carried(read);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, from);
        if let Poll::Ready(Ok(written)) = polled {
            self.traffic.up.fetch_add(written as u64, Relaxed);
            self.traffic.carried(written);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
