//! What does the agent cost while nothing happens, beside the program that everybody knows?
//!
//! The real agent and a real gpsd, each on a pseudo-terminal of its own, hear the same receiver at one fix a second, in the same run on the
//! same machine. gpsd has one client, which reads its reports; another gpsd has none and so writes none. The agent knows one facility,
//! keeps its recording and its journal and is connected to a broker, without TLS. Starting is not measured: it comes before.

use crate::broker::Broker;
use crate::clock::{SimClock, utc_second_ms};
use crate::gpsd::Gpsd;
use crate::installation::Installation;
use crate::process::Usage;
use crate::pty::Port;
use crate::receiver::{self, Epoch, Setup};
use crate::world::Shift;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;

/// So long both may start, look at the receiver and settle.
const WARM_UP_S: usize = 15;
/// Goals: the agent's part of what gpsd takes.
const CPU_RATIO_MAX: f64 = 0.6;
const RSS_RATIO_MAX: f64 = 1.0;

/// What one process takes.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu_ms_per_s: f64,
    switches_per_s: f64,
    rss_kb: f64,
    pss_kb: f64,
}

/// Both side by side.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    seconds: usize,
    /// Fixes that the agent took, of the whole run.
    pub fixes: u64,
    /// Reports of a position that gpsd gave its client, of the whole run.
    pub reports: u64,
    agent: Cost,
    gpsd: Cost,
    gpsd_alone: Cost,
}

/// Runs all of it for so many seconds, in `dir`, which exists.
///
/// # Errors
/// When one of the programs is not installed, does not start, or did not understand the receiver.
pub fn compare(binary: &Path, dir: &Path, seconds: usize) -> io::Result<Comparison> {
    let mut shift = Shift::errands(61, 1);
    shift.facilities.truncate(1);
    let start_utc_ms = utc_second_ms();
    let setup = Setup { cold_start_s: 0.0, ..Setup::default() };
    let epochs = receiver::listen(&shift, start_utc_ms, setup);
    let (warm_up, measured) = epochs.split_at_checked(WARM_UP_S).unwrap_or((&epochs, &[]));
    let measured = measured.get(..seconds).ok_or_else(|| io::Error::other("the drive is shorter than that"))?;

    let broker = Broker::start()?;
    let installation = Installation::write(binary.to_owned(), dir, &shift, broker.port(), 1)?;
    // Nobody is there to acknowledge: what the broker took is done.
    installation.configure("ack = true", "ack = false")?;
    let mut ports = [installation.port(), Port::unplugged(&dir.join("gpsd")), Port::unplugged(&dir.join("alone"))];
    ports.iter_mut().try_for_each(Port::plug)?;
    let [_, with_client, alone] = ports.each_ref().map(Port::device);
    // Each has a control socket of its own.
    let other = dir.join("other");
    std::fs::create_dir(&other)?;
    let (mut gpsd, mut gpsd_alone) = (Gpsd::stopped(dir)?, Gpsd::stopped(&other)?);
    let agent = installation.start()?;
    gpsd.start(with_client)?;
    gpsd_alone.start(alone)?;
    let client = Client::connect(gpsd.port())?;

    let gone = || io::Error::other("one of the programs does not run");
    let pid = |pid: Option<u32>| pid.ok_or_else(gone);
    let pids = [pid(agent.pid())?, pid(gpsd.pid())?, pid(gpsd_alone.pid())?];
    let clock = SimClock::start(start_utc_ms, 1);
    speak(warm_up, clock, &mut ports);
    let before = usage(pids)?;
    speak(measured, clock, &mut ports);
    let after = usage(pids)?;

    let reports = client.disconnect();
    let ended = agent.terminate()?;
    let fixes = installation.health().and_then(|health| health.pointer("/gnss/fixes")?.as_u64()).unwrap_or(0);
    if !ended.success() || fixes < seconds as u64 || reports < seconds as u64 {
        let log = std::fs::read_to_string(installation.log()).unwrap_or_default();
        let what = format!("in {seconds} s {fixes} fixes of the agent ({ended}) and {reports} reports of gpsd");
        return Err(io::Error::other(format!("not both have understood the receiver: {what}\n{log}")));
    }
    let ([agent_before, gpsd_before, alone_before], [agent, gpsd, alone]) = (before, after);
    Ok(Comparison {
        seconds,
        fixes,
        reports,
        agent: Cost::between(agent_before, agent, seconds),
        gpsd: Cost::between(gpsd_before, gpsd, seconds),
        gpsd_alone: Cost::between(alone_before, alone, seconds),
    })
}

fn usage(pids: [u32; 3]) -> io::Result<[Usage; 3]> {
    let [agent, gpsd, alone] = pids.map(Usage::of);
    Ok([agent?, gpsd?, alone?])
}

/// Sends each epoch to all when its second has come, and waits for the end of the last one.
fn speak(epochs: &[Epoch], clock: SimClock, ports: &mut [Port]) {
    for epoch in epochs {
        std::thread::sleep(clock.wait_for(epoch.at_s));
        ports.iter_mut().for_each(|port| port.send(&epoch.bytes));
    }
    std::thread::sleep(epochs.last().map_or(std::time::Duration::ZERO, |last| clock.wait_for(last.at_s + 0.9)));
}

/// Whoever wants to know from gpsd where the truck is.
struct Client {
    stream: TcpStream,
    reading: JoinHandle<u64>,
}

impl Client {
    fn connect(port: u16) -> io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.write_all(br#"?WATCH={"enable":true,"json":true};"#)?;
        let lines = BufReader::new(stream.try_clone()?).lines();
        let reading = std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            let reports = lines.map_while(Result::ok).filter(|line| {
                let report: Value = serde_json::from_str(line).unwrap_or_default();
                report.get("class").and_then(Value::as_str) == Some("TPV") && report.get("lat").is_some()
            });
            u64::try_from(reports.count()).unwrap_or(0)
        })?;
        Ok(Self { stream, reading })
    }

    /// How many positions were told.
    fn disconnect(self) -> u64 {
        // Fails only where gpsd has closed it already.
        let _ = self.stream.shutdown(Shutdown::Both);
        self.reading.join().unwrap_or(0)
    }
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes, and nanoseconds of minutes")]
impl Cost {
    fn between(before: Usage, after: Usage, seconds: usize) -> Self {
        let per_s = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds as f64;
        Self {
            cpu_ms_per_s: per_s(before.cpu_ns, after.cpu_ns) / 1e6,
            switches_per_s: per_s(before.switches, after.switches),
            rss_kb: after.rss_kb as f64,
            pss_kb: after.pss_kb as f64,
        }
    }
}

impl Cost {
    fn json(&self) -> Value {
        let Self { cpu_ms_per_s, switches_per_s, rss_kb, pss_kb } = *self;
        json!({
            "cpu_ms_per_s": thousandths(cpu_ms_per_s), "switches_per_s": thousandths(switches_per_s),
            "rss_kb": rss_kb, "pss_kb": pss_kb,
        })
    }
}

impl Comparison {
    /// Whether the agent takes no more than it may beside gpsd with one client.
    #[must_use]
    pub fn within_goals(&self) -> bool {
        self.cpu_ratio() <= CPU_RATIO_MAX && self.agent.rss_kb / self.gpsd.rss_kb <= RSS_RATIO_MAX
    }

    fn cpu_ratio(&self) -> f64 {
        self.agent.cpu_ms_per_s / self.gpsd.cpu_ms_per_s
    }

    /// `IDLE` and a JSON object: the costs of the three, and the agent's ratio to gpsd with one client.
    #[must_use]
    pub fn last_line(&self) -> String {
        let Self { seconds, fixes, reports, agent, gpsd, gpsd_alone } = self;
        let line = json!({
            "seconds": seconds, "fixes": fixes, "reports": reports,
            "gatestamp": agent.json(), "gpsd": gpsd.json(), "gpsd_without_client": gpsd_alone.json(),
            "cpu_ratio": thousandths(self.cpu_ratio()),
            "rss_ratio": thousandths(agent.rss_kb / gpsd.rss_kb),
            "pss_ratio": thousandths(agent.pss_kb / gpsd.pss_kb),
        });
        format!("IDLE {line}")
    }
}

fn thousandths(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
