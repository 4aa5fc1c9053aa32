//! What if the radio link goes away?
//!
//! A TCP relay between agent and broker. Cutting it drops every connection and closes the listening port, so that new ones are
//! refused; restoring it listens on the same port again. Muting it keeps every connection and forwards nothing, as when a truck drives
//! into a hole without either end hearing of it. Deserting it leaves the truck with connections that look alive and lead nowhere, as
//! when the network between forgets them. A slow one delays and paces what it forwards. What is forwarded is counted.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
/// The same where nothing is paced: a segment of the loopback is larger, and a fleet's pieces should be few.
const UNPACED_BYTES: usize = 4_096;
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

/// How a link is, and which of its connections still lead anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Air {
    state: State,
    /// A connection that says nothing for so long is deserted.
    forgets_after: Option<Duration>,
    /// Connections of an earlier one are deserted.
    generation: u64,
}

/// Bytes that were taken from one end for the other, without the headers of TCP and IP.
#[derive(Debug, Default)]
struct Carried {
    up: AtomicU64,
    down: AtomicU64,
}

/// A link that can be cut.
#[derive(Debug)]
pub struct Link {
    port: u16,
    air: watch::Sender<Air>,
    carried: Arc<Carried>,
    _relay: Arc<Background>,
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
        Self::many(1, quality, broker_port)?.pop().ok_or_else(|| io::Error::other("no link was made"))
    }

    /// A link for each truck of a fleet, all of them served by one thread.
    ///
    /// # Errors
    /// As [`Link::to`].
    pub fn many(count: usize, quality: Quality, broker_port: u16) -> io::Result<Vec<Self>> {
        let (mut relays, mut parts) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            let port = listener.local_addr()?.port();
            let (air, seen) = watch::channel(Air { state: State::Up, forgets_after: None, generation: 0 });
            let carried = Arc::new(Carried::default());
            relays.push((listener, port, Far { broker_port, quality, carried: Arc::clone(&carried) }, seen));
            parts.push((port, air, carried));
        }
        let relays = Background::spawn("link", move || async move {
            let all = relays.into_iter().map(|(listener, port, far, air)| relay(listener, port, far, air));
            all.collect::<JoinSet<()>>().join_all().await;
        })?;
        let relays = Arc::new(relays);
        let link = |(port, air, carried)| Self { port, air, carried, _relay: Arc::clone(&relays) };
        Ok(parts.into_iter().map(link).collect())
    }

    /// The port that the agent connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops all connections and refuses new ones.
    pub fn cut(&self) {
        self.air.send_modify(|air| air.state = State::Cut);
    }

    /// Keeps all connections, takes new ones, and forwards nothing.
    pub fn mute(&self) {
        self.air.send_modify(|air| air.state = State::Mute);
    }

    /// Lets the truck through again.
    pub fn restore(&self) {
        self.air.send_modify(|air| air.state = State::Up);
    }

    /// The broker loses the connections that there are; the truck's ends stay open, and nothing that is said there is heard. New ones
    /// are let through.
    pub fn desert(&self) {
        self.air.send_modify(|air| air.generation += 1);
    }

    /// From here on the network forgets a connection that says nothing for so long, as address translators do: it stays open at both
    /// ends, and leads nowhere. New connections only.
    pub fn forget_idle(&self, after: Duration) {
        self.air.send_modify(|air| air.forgets_after = Some(after));
    }

    /// Bytes taken from the truck and from the broker so far, the headers of TCP and IP not counted.
    #[must_use]
    pub fn carried(&self) -> (u64, u64) {
        (self.carried.up.load(Ordering::Relaxed), self.carried.down.load(Ordering::Relaxed))
    }
}

/// The other end, and the way there.
#[derive(Debug, Clone)]
struct Far {
    broker_port: u16,
    quality: Quality,
    carried: Arc<Carried>,
}

async fn relay(first: std::net::TcpListener, port: u16, far: Far, mut air: watch::Receiver<Air>) {
    let mut listener = TcpListener::from_std(first).ok();
    loop {
        if let Some(open) = listener.take() {
            let seen = air.clone();
            tokio::select! {
                () = forward(open, &far, seen) => {}
                gone = air.wait_for(|air| air.state == State::Cut) => if gone.is_err() { return },
            }
        }
        if air.wait_for(|air| air.state != State::Cut).await.is_err() {
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
async fn forward(listener: TcpListener, far: &Far, air: watch::Receiver<Air>) {
    let mut connections = JoinSet::new();
    while let Ok((truck, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        connections.spawn(join(truck, far.clone(), air.clone()));
    }
}

/// Joins the truck's end of a connection to the broker until one of them closes or the link is deserted.
async fn join(mut truck: TcpStream, far: Far, mut air: watch::Receiver<Air>) {
    let Ok(mut broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, far.broker_port)).await else { return };
    // Small packets each way: waiting to fill a segment would be measured as the agent's delay.
    let _ = (truck.set_nodelay(true), broker.set_nodelay(true));
    let Air { generation: begun, forgets_after, .. } = *air.borrow();
    let deserted = {
        let (up, down) = (air.clone(), air.clone());
        let ((from_truck, to_truck), (from_broker, to_broker)) = (truck.split(), broker.split());
        // Whichever end closes first closes the other.
        tokio::select! {
            () = carry(from_truck, to_broker, far.quality, up, &far.carried.up) => false,
            () = carry(from_broker, to_truck, far.quality, down, &far.carried.down) => false,
            later = air.wait_for(|air| air.generation > begun) => later.is_ok(),
            () = forget(&far.carried, forgets_after) => true,
        }
    };
    drop(broker);
    if deserted {
        // What it says is taken, as the buffers of a dead path would for a while, so that its closing is seen.
        let mut nowhere = [0; PIECE_BYTES];
        while let Ok(1..) = truck.read(&mut nowhere).await {}
    }
}

/// Ends when nothing is carried for so long.
async fn forget(carried: &Carried, after: Option<Duration>) {
    let Some(after) = after else { return std::future::pending().await };
    let sum = || carried.up.load(Ordering::Relaxed) + carried.down.load(Ordering::Relaxed);
    let (mut seen, mut since) = (sum(), clock::now());
    while clock::now().duration_since(since) < after {
        tokio::time::sleep(after / 100).await;
        if sum() != seen {
            (seen, since) = (sum(), clock::now());
        }
    }
}

/// Carries bytes one way until an end closes.
async fn carry<R, W>(mut from: R, mut to: W, quality: Quality, mut air: watch::Receiver<Air>, carried: &AtomicU64)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (pieces, mut under_way) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let taking = async move {
        let mut buffer = vec![0; if quality.bytes_per_s.is_some() { PIECE_BYTES } else { UNPACED_BYTES }];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            carried.fetch_add(u64::try_from(length).unwrap_or(0), Ordering::Relaxed);
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
            if air.wait_for(|air| air.state == State::Up).await.is_err() || to.write_all(&piece).await.is_err() {
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

    #[test]
    fn a_deserted_connection_stays_open_and_leads_nowhere_and_a_new_one_is_let_through() {
        let broker = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let link = Link::to(broker.local_addr().expect("bound").port()).expect("a link");
        let through = || TcpStream::connect((Ipv4Addr::LOCALHOST, link.port())).expect("the link is up");
        let mut truck = through();
        let (mut at_broker, _) = broker.accept().expect("relayed");
        truck.write_all(b"xyz").expect("up");
        at_broker.read_exact(&mut [0; 3]).expect("relayed");
        link.desert();
        assert!(!matches!(at_broker.read(&mut [0]), Ok(1..)), "the broker sees the end");
        truck.write_all(b"nobody hears this").expect("the truck does not");
        truck.set_read_timeout(Some(Duration::from_millis(50))).expect("set");
        assert!(truck.read(&mut [0]).is_err(), "neither an answer nor an end");
        through().write_all(b"w").expect("up");
        let (mut again, _) = broker.accept().expect("relayed");
        again.read_exact(&mut [0]).expect("relayed");
        assert_eq!(link.carried().0, 4);
    }
}
