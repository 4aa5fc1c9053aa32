//! What if the radio link goes away?
//!
//! A TCP relay between agent and broker. Cutting it drops every connection and closes the listening port, so that new ones are
//! refused; restoring it listens on the same port again. Muting it keeps every connection and forwards nothing, as when a truck drives
//! into a hole without either end hearing of it. A slow one delays and paces what it forwards.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::background::Background;
use crate::clock;

/// More connections than this at once are dropped: the truck has one.
const CONNECTIONS_MAX: usize = 16;
/// Bytes that are forwarded in one piece; at 1,200 B/s a piece takes 0.2 s.
const PIECE_BYTES: usize = 240;
/// Pieces under way: two seconds at the speed of the slowest link, or what a fast one takes at once.
const PIECES_MAX: usize = 64;

/// How good a link is while it is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quality {
    /// From one end to the other.
    pub delay: Duration,
    /// Each way; `None`: as fast as it goes.
    pub bytes_per_s: Option<u32>,
}

impl Quality {
    /// A cable.
    pub const GOOD: Self = Self { delay: Duration::ZERO, bytes_per_s: None };
    /// The edge of a 2G cell: 2 s round trip, 9,600 bit/s.
    pub const EDGE_OF_2G: Self = Self { delay: Duration::from_secs(1), bytes_per_s: Some(1_200) };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Up,
    Mute,
    Cut,
}

/// A link that can be cut.
#[derive(Debug)]
pub struct Link {
    port: u16,
    state: watch::Sender<State>,
    _relay: Background,
}

impl Link {
    /// A link that is up, from a free port of its own to `broker_port`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn to(broker_port: u16) -> io::Result<Self> {
        Self::of(Quality::GOOD, broker_port)
    }

    /// The same, of a given quality.
    ///
    /// # Errors
    /// As [`Link::to`].
    pub fn of(quality: Quality, broker_port: u16) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (state, seen) = watch::channel(State::Up);
        let relay = Background::spawn("link", move || relay(listener, port, Far { broker_port, quality }, seen))?;
        Ok(Self { port, state, _relay: relay })
    }

    /// The port that the agent connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops all connections and refuses new ones.
    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Keeps all connections, takes new ones, and forwards nothing.
    pub fn mute(&self) {
        self.state.send_replace(State::Mute);
    }

    /// Lets the truck through again.
    pub fn restore(&self) {
        self.state.send_replace(State::Up);
    }
}

/// The other end, and the way there.
#[derive(Debug, Clone, Copy)]
struct Far {
    broker_port: u16,
    quality: Quality,
}

async fn relay(first: std::net::TcpListener, port: u16, far: Far, mut state: watch::Receiver<State>) {
    let mut listener = TcpListener::from_std(first).ok();
    loop {
        if let Some(open) = listener.take() {
            let seen = state.clone();
            tokio::select! {
                () = forward(open, far, seen) => {}
                gone = state.wait_for(|state| *state == State::Cut) => if gone.is_err() { return },
            }
        }
        if state.wait_for(|state| *state != State::Cut).await.is_err() {
            return;
        }
        // Connections in TIME_WAIT do not keep the port: tokio binds with SO_REUSEADDR.
        listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.ok();
        if listener.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Joins each connection to the broker; dropping this future drops them all.
async fn forward(listener: TcpListener, far: Far, state: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    while let Ok((truck, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        let (up, down) = (state.clone(), state.clone());
        connections.spawn(async move {
            if let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, far.broker_port)).await {
                // Small packets each way: waiting to fill a segment would be measured as the agent's delay.
                let _ = (truck.set_nodelay(true), broker.set_nodelay(true));
                let ((from_truck, to_truck), (from_broker, to_broker)) = (truck.into_split(), broker.into_split());
                // Whichever end closes first closes the other.
                tokio::select! {
                    () = carry(from_truck, to_broker, far.quality, up) => {}
                    () = carry(from_broker, to_truck, far.quality, down) => {}
                }
            }
        });
    }
}

/// Carries bytes one way until an end closes.
async fn carry<R, W>(mut from: R, mut to: W, quality: Quality, mut state: watch::Receiver<State>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (pieces, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let taking = async move {
        let mut buffer = [0; PIECE_BYTES];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if let Some(bytes_per_s) = quality.bytes_per_s {
                tokio::time::sleep(Duration::from_secs(1) * u32::try_from(length).unwrap_or(0) / bytes_per_s).await;
            }
            let piece = buffer.get(..length).unwrap_or_default().to_vec();
            if pieces.send((clock::now() + quality.delay, piece)).await.is_err() {
                return;
            }
        }
    };
    let giving = async move {
        while let Some((due, piece)) = under_way.recv().await {
            tokio::time::sleep_until(due.into()).await;
            if state.wait_for(|state| *state == State::Up).await.is_err() || to.write_all(&piece).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(taking, giving);
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::clock::await_condition;

    #[test]
    fn cut_drops_and_refuses_and_restore_lets_through_again() {
        let broker = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let link = Link::to(broker.local_addr().expect("bound").port()).expect("a link");
        let through = || TcpStream::connect((Ipv4Addr::LOCALHOST, link.port()));
        let mut truck = through().expect("the link is up");
        let (mut at_broker, _) = broker.accept().expect("relayed");
        truck.write_all(b"x").expect("up");
        at_broker.read_exact(&mut [0]).expect("relayed");
        link.cut();
        assert!(!matches!(truck.read(&mut [0]), Ok(1..)), "dropped");
        assert!(await_condition(Duration::from_secs(5), || through().is_err()), "refused");
        link.restore();
        assert!(await_condition(Duration::from_secs(5), || through().is_ok()), "through again");
    }
}
