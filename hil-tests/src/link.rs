//! What if the radio link goes away?
//!
//! A TCP relay between agent and broker. Cutting it drops every connection and closes the listening port, so that new ones are
//! refused; restoring it listens on the same port again.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::background::Background;

/// More connections than this at once are dropped: the truck has one.
const CONNECTIONS_MAX: usize = 16;

/// A link that can be cut.
#[derive(Debug)]
pub struct Link {
    port: u16,
    up: watch::Sender<bool>,
    _relay: Background,
}

impl Link {
    /// A link that is up, from a free port of its own to `broker_port`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn to(broker_port: u16) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (up, state) = watch::channel(true);
        let relay = Background::spawn("link", move || relay(listener, port, broker_port, state))?;
        Ok(Self { port, up, _relay: relay })
    }

    /// The port that the agent connects to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Drops all connections and refuses new ones.
    pub fn cut(&self) {
        self.up.send_replace(false);
    }

    /// Lets the truck through again.
    pub fn restore(&self) {
        self.up.send_replace(true);
    }
}

async fn relay(first: std::net::TcpListener, port: u16, broker_port: u16, mut up: watch::Receiver<bool>) {
    let mut listener = TcpListener::from_std(first).ok();
    loop {
        if let Some(open) = listener.take() {
            tokio::select! {
                () = forward(open, broker_port) => {}
                gone = up.wait_for(|up| !up) => if gone.is_err() { return },
            }
        }
        if up.wait_for(|up| *up).await.is_err() {
            return;
        }
        // Connections in TIME_WAIT do not keep the port: tokio binds with SO_REUSEADDR.
        listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await.ok();
        if listener.is_none() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// Joins each connection to the broker; dropping this future drops them all.
async fn forward(listener: TcpListener, broker_port: u16) {
    let mut connections = JoinSet::new();
    while let Ok((mut truck, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        connections.spawn(async move {
            if let Ok(mut broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, broker_port)).await {
                // Small packets each way: waiting to fill a segment would be measured as the agent's delay.
                let _ = (truck.set_nodelay(true), broker.set_nodelay(true));
                let _ = tokio::io::copy_bidirectional(&mut truck, &mut broker).await;
            }
        });
    }
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
