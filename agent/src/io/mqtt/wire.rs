//! The bytes' way to the broker: TCP, TLS where it is asked for, and a relay that the MQTT client talks to over a local socket.
//!
//! ```text
//!  rumqttc --abstract Unix socket--> relay --TLS--> counted TCP --> broker
//! ```
//!
//! rumqttc opens its connections itself and brings an outdated webpki for TLS. Over this relay it needs none, and here is the
//! one place for our own deadlines, the time that certificates are judged at, `TCP_USER_TIMEOUT`, and the count of bytes.
//! A stall of the broker fills the relay (two buffers of 8 KiB and the socket's own), and then stops the client, which the
//! session's watchdog sees: nothing is heard any more.

use super::tls;
use crate::besttime::BestTime;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustls::client::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
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
                      with one identity put each other out";
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

/// Bytes of all connections together, as they go through the socket: TLS included, the headers of TCP and IP not.
#[derive(Debug, Default)]
pub struct Traffic {
    up: AtomicU64,
    down: AtomicU64,
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
}

/// An open way to the broker; dropping it closes it.
#[derive(Debug)]
pub struct Wire {
    address: String,
    ended: Arc<Mutex<Option<String>>>,
    relay: JoinHandle<()>,
}

impl Wire {
    /// Connects, and shakes hands where TLS is asked for, within [`CONNECT_PATIENCE`].
    ///
    /// # Errors
    /// In words that name what to mend.
    pub async fn open(target: &Target<'_>, traffic: Arc<Traffic>) -> Result<Self, String> {
        match tokio::time::timeout(CONNECT_PATIENCE, connect(target, traffic)).await {
            Ok(opened) => opened,
            Err(_) => Err(format!(
                "no connection to {}:{} within {} s: no answer, or one too slow",
                target.host,
                target.port,
                CONNECT_PATIENCE.as_secs()
            )),
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
        self.ended().as_deref() == Some(CLOSED)
    }

    /// Why the relay ended, if it has and knows.
    #[must_use]
    pub fn ended(&self) -> Option<String> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.relay.abort();
    }
}

async fn connect(target: &Target<'_>, traffic: Arc<Traffic>) -> Result<Wire, String> {
    let (host, port) = (target.host, target.port);
    let tcp = TcpStream::connect((host, port)).await.map_err(|error| format!("{host}:{port}: {error}"))?;
    // Small packets each way: waiting to fill a segment would make every event late.
    let _ = tcp.set_nodelay(true);
    let limit = u32::try_from(target.unacknowledged_max.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = set_tcp_user_timeout(&tcp, limit) {
        tracing::debug!(%error, "the kernel has no TCP_USER_TIMEOUT; the watchdog alone ends a dead connection");
    }
    let counted = Counted { tcp, traffic };
    match &target.tls {
        None => relayed(counted, |error| error.to_string()),
        Some((config, time)) => {
            let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
            let (name_of, time) = (host.to_owned(), *time);
            let in_words =
                move |error: &io::Error| match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
                    Some(tls) => tls::in_words(tls, &name_of, time),
                    None => error.to_string(),
                };
            let connector = TlsConnector::from(Arc::clone(config));
            let shaken = connector.connect(name, counted).await.map_err(|error| in_words(&error))?;
            relayed(shaken, in_words)
        }
    }
}

/// Listens for the MQTT client, and joins it to `broker`.
fn relayed<S>(broker: S, in_words: impl Fn(&io::Error) -> String + Send + 'static) -> Result<Wire, String>
where
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    let (listener, address) = listen().map_err(|error| format!("no local socket for the MQTT client: {error}"))?;
    let ended = Arc::new(Mutex::new(None));
    let told = Arc::clone(&ended);
    let relay = tokio::spawn(async move {
        let Ok(client) = ours(&listener).await else { return };
        drop(listener);
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_broker, mut to_broker) = split(broker);
        let why = tokio::select! {
            up = copy(&mut from_client, &mut to_broker) => up.err().map(|error| in_words(&error)),
            down = copy(&mut from_broker, &mut to_client) => match down {
                Ok(_) => Some(CLOSED.to_owned()),
                Err(error) => Some(in_words(&error)),
            },
        };
        // Before the client's socket is dropped: when the client notices, the reason is there.
        *told.lock().unwrap_or_else(PoisonError::into_inner) = why;
    });
    Ok(Wire { address, ended, relay })
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
        self.traffic.down.fetch_add((into.filled().len() - before) as u64, Relaxed);
        polled
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.tcp).poll_write(cx, from);
        if let Poll::Ready(Ok(written)) = polled {
            self.traffic.up.fetch_add(written as u64, Relaxed);
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
