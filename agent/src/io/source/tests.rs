//! The source's thread on a real pseudo-terminal, and what it does when nobody takes what it reads.

use super::feed::Feed;
use super::{Source, SourceEvent, start};
use crate::config;
use crate::io::clock::Clock;
use crate::time::Mono;
use geofence::Span;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc::channel;

const SENTENCE: &[u8] = b"$GPGLL,,,,,235958,V*06\r\n";

pub(super) fn terminal() -> (OwnedFd, PathBuf) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let device = ptsname(&master, Vec::new()).unwrap();
    (master, PathBuf::from(device.to_string_lossy().into_owned()))
}

#[tokio::test(flavor = "current_thread")]
async fn a_commit_that_takes_a_second_does_not_shift_when_bytes_arrived() {
    let (receiver, device) = terminal();
    let clock = Clock::new(1);
    let source = Source::new(config::Source::Serial { device, baud: Some(9_600), configure: false }, None);
    let mut events = start(source, clock).unwrap();
    assert!(matches!(events.recv().await, Some(SourceEvent::Opened { .. })));
    let receiver = std::thread::spawn(move || {
        let said = [(); 10].map(|()| {
            let at = clock.now();
            rustix::io::write(&receiver, SENTENCE).unwrap();
            std::thread::sleep(Duration::from_millis(50));
            at
        });
        (said, receiver)
    });
    // The commit: the daemon's thread stands still.
    std::thread::sleep(Duration::from_secs(1));
    let (said, _receiver) = receiver.join().unwrap();
    let committed = clock.now();
    let mut heard = Vec::new();
    while heard.len() < SENTENCE.len() * said.len() {
        if let Some(SourceEvent::Bytes(at, bytes)) = events.recv().await {
            heard.extend(bytes.iter().map(|_| at));
        }
    }
    for (said, heard) in said.into_iter().zip(heard.chunks(SENTENCE.len())) {
        let late = heard[SENTENCE.len() - 1] - said;
        assert!(late < Span(250), "{late:?} after it was said, {:?} before the commit ended", committed - said);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn reads_that_find_no_room_are_counted_where_they_are_missing() {
    let (to, mut events) = channel(3);
    let mut feed = Feed::new(to);
    for at in 0..10 {
        assert!(feed.say(SourceEvent::Bytes(Mono(at), vec![0])).await.is_ok());
    }
    let mut told = Vec::new();
    let mut take = |events: &mut tokio::sync::mpsc::Receiver<SourceEvent>| {
        while let Ok(event) = events.try_recv() {
            if let SourceEvent::Bytes(Mono(at), _) = event {
                told.push(format!("bytes {at}"));
            } else if let SourceEvent::Dropped(Mono(at), reads) = event {
                told.push(format!("{reads} dropped up to {at}"));
            }
        }
    };
    take(&mut events);
    for at in 10..12 {
        assert!(feed.say(SourceEvent::Bytes(Mono(at), vec![0])).await.is_ok());
    }
    take(&mut events);
    assert_eq!(told, ["bytes 0", "bytes 1", "bytes 2", "7 dropped up to 9", "bytes 10", "bytes 11"]);
    drop(events);
    assert!(feed.say(SourceEvent::Bytes(Mono(12), vec![0])).await.is_err(), "nobody listens");
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_bytes_comes_after_the_count_of_those_before_it() {
    let (to, mut events) = channel(1);
    let mut feed = Feed::new(to);
    assert!(feed.say(SourceEvent::Bytes(Mono(0), vec![0])).await.is_ok());
    assert!(feed.say(SourceEvent::Bytes(Mono(1), vec![0])).await.is_ok());
    let telling = tokio::spawn(async move { feed.say(SourceEvent::Commands(1)).await.is_ok() });
    assert!(matches!(events.recv().await, Some(SourceEvent::Bytes(Mono(0), _))));
    assert!(matches!(events.recv().await, Some(SourceEvent::Dropped(Mono(1), 1))));
    assert!(matches!(events.recv().await, Some(SourceEvent::Commands(1))));
    assert!(telling.await.unwrap());
}
