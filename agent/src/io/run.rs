//! The daemon: one task that owns the engine, fed by the tasks of the source and of the broker.

mod budget;
mod failure;
mod losses;
mod owed;
mod privacy;
mod sending;

use super::atlas::{InUse, take_over};
use super::blackbox::Blackbox;
use super::clock::{Clock, kernel_boot, wall_clock};
use super::commands::Commands;
use super::diagnosis::{View, diagnose};
use super::health::{HealthFile, Part, Parts, Uplinked};
use super::keeper::Keeper;
use super::lock;
use super::mqtt::wire::Traffic;
use super::mqtt::{self, Identity, LinkEvent, Outgoing, Uplink};
use super::reserve::Reserve;
use super::resume::{Resumed, open_journal, resume};
use super::source::{self, Kind, Source, SourceEvent};
use super::systemd;
use crate::besttime::TimeBase;
use crate::budget::GivenUp;
use crate::config::{Config, Profile};
use crate::engine::{Boot, Effect, Engine, Input, Link, Notices, State};
use crate::gnss::SourceState;
use crate::gnss::hunt::Finding;
use crate::outbox::{Outbox, Refusal};
use crate::recording::{Head, Recorded};
use crate::time::Mono;
use crate::version::{VERSION, released};
use budget::Budgeted;
pub use failure::RunError;
use geofence::{Fences, Span};
use losses::Before;
use owed::owed;
use privacy::Switch;
use sending::Noted;
use std::pin::pin;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

/// Without bytes, time is told to the engine this often.
const TICK: Span = Span::seconds(1);
/// The loop waits so long for something to happen. Longer than from one fix to the next: a timer of a second wakes it just before each.
const QUIET: Span = Span(1_250);
/// `health.json` is written at least this often.
pub const HEALTH_EVERY: Span = Span::seconds(60);
/// `health` is published at every connection, when a disk begins or ends to refuse, and at least this often: at 1.5 kB, 4.3 MB a
/// month of an engine that always runs; in the frugal profile 0.2 MB.
const HEALTH_PUBLISHED_EVERY: Span = Span::seconds(900);
const HEALTH_PUBLISHED_EVERY_FRUGAL: Span = Span::seconds(6 * 3_600);
/// What changes at the receiver is written at most this often: a loose plug must not wear the disk.
const NEWS_EVERY: Span = Span::seconds(5);
/// The same trouble with the source, or with the disk behind it, is logged at most this often: 144 lines a day of a cable that is never plugged in.
const WARN_EVERY: Span = Span::seconds(600);
/// Messages to the broker that may wait: the window and some notices.
const LINK_QUEUE: usize = 256;

/// Runs until told to stop. With `small`, a start that had to compile facilities ends with [`RunError::Compiled`].
///
/// # Errors
/// Only what makes starting impossible; what goes wrong later is a state in `health`.
pub async fn run(config: Config, time_scale: u32, small: bool) -> Result<(), RunError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let told_to_stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Box::pin(run_in(config, Clock::new(time_scale), None, small, told_to_stop)).await
}

/// The same daemon in a world that is simulated: `receiver` is what its receiver says, a message an epoch, `clock` what its clocks show, and
/// it ends when `told_to_stop` does. One process may run many, each over a state directory of its own; dropped, one is as dead as
/// if it were killed.
///
/// # Errors
/// As [`run`].
pub async fn rehearse(
    config: Config,
    clock: Clock,
    receiver: Receiver<Vec<u8>>,
    told_to_stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    Box::pin(run_in(config, clock, Some(receiver), false, told_to_stop)).await
}

async fn run_in(
    config: Config,
    clock: Clock,
    simulated: Option<Receiver<Vec<u8>>>,
    small: bool,
    told_to_stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let _lock = lock::take(&config.state_dir)?;
    let in_use = take_over(&config.facilities, &config.state_dir).map_err(RunError::Facilities)?;
    if small && in_use.compiled {
        return Err(RunError::Compiled);
    }
    let mut daemon = Daemon::start(&config, in_use, clock)?;
    let mut port = match simulated {
        Some(receiver) => source::simulated(receiver, clock),
        None => source::start(Source::new(config.source.clone(), daemon.engine.state().line_speed()), clock)?,
    };
    let mut link = daemon.connect(&config);
    // Ready once the journal is open and the port was tried: the broker may be out of reach for days.
    if let Some(first) = port.recv().await {
        daemon.source(first);
    }
    systemd::ready();
    let ended = daemon.serve(&mut port, &mut link, told_to_stop).await;
    systemd::stopping();
    // What was read before waits behind whatever ends it where the disk is slow; the next start derives from it what is to be told.
    for _ in 0..port.len() {
        let Ok(event) = port.try_recv() else { break };
        daemon.source(event);
    }
    match ended {
        Ok(()) => daemon.stop(),
        Err(_) => daemon.keeper.end(),
    }
    ended
}

struct Daemon {
    clock: Clock,
    engine: Engine,
    keeper: Keeper,
    device: String,
    dispatch_acks: bool,
    parts: Parts,
    /// What is known of the receiver's source.
    view: View,
    /// The trouble that was logged last, and when.
    warned: Option<(Kind, Mono)>,
    warned_of_drops: Option<Mono>,
    health_file: HealthFile,
    health_at: Option<Mono>,
    /// When health was published last, and the receiver's state that dispatch has by it.
    published: Option<(Mono, &'static str)>,
    /// How many events were in memory alone when health was written.
    told_held: usize,
    publish_every: Span,
    /// The receiver's state, the link's or a pause has changed since health was written.
    news: bool,
    /// The receiver's state that the log has.
    logged: &'static str,
    /// Why nothing is sent, as the log has it.
    paused: Option<Refusal>,
    last_input: Mono,
    reserve: Reserve,
    switch: Switch,
    /// When time began or ceased to be private.
    private_until: Mono,
    /// There are losses since then that no event names yet.
    unnamed_since: Option<Mono>,
    /// What dispatch lacks of before this journal.
    before: Before,
    to_link: Option<Sender<Outgoing>>,
    noted: Noted,
    commands: Commands,
    time: watch::Sender<TimeBase>,
    traffic: Arc<Traffic>,
    budget: Option<Budgeted>,
}

impl Daemon {
    fn start(config: &Config, in_use: InUse, clock: Clock) -> Result<Self, RunError> {
        let opened = open_journal(&config.state_dir, config.journal_quota, wall_clock())?;
        let (mut journal, mut why) = (opened.journal, opened.why);
        let ours = format!("{}-", config.truck.device());
        let is_ours = |id: &str| id.strip_prefix(&ours).is_some_and(|number| number.parse::<u64>().is_ok());
        if let Some(newest) = journal.newest_id()?.filter(|id| !is_ours(id)) {
            return Err(RunError::OtherTruck { dir: config.state_dir.clone(), newest });
        }
        let recording = config.state_dir.join("recording");
        let dir_error = |error| RunError::StateDir { dir: recording.clone(), error };
        let blackbox = Blackbox::new(&recording, config.recording_quota).map_err(dir_error)?;

        let profile = config.mqtt.as_ref().map_or(Profile::Normal, |mqtt| mqtt.profile);
        let (outbox, notices) = (Outbox::new(config.dispatch.acks, journal.thru()?, 1, 0), Notices::new(profile));
        let mut parts = Parts::new(wall_clock());
        parts.facilities(&in_use, wall_clock());
        let mut engine = Engine::new(config.truck.clone(), in_use.facilities, State::default(), outbox, notices);
        let Resumed { unsaved, floor } = resume(&mut engine, &mut journal, &recording, &mut why)?;
        // What was derived again is owed too, and what a new journal lacks at its beginning is not.
        let (now, base) = (clock.now(), TimeBase::new(clock.now(), released(), engine.newest_fix()));
        let start = (now, base.at(now, clock.system_utc()).utc);
        *engine.outbox_mut() = owed(config.dispatch.acks, &journal, &unsaved, engine.state(), start)?;

        let commands = Commands::open(config.truck.device(), config.dispatch.keys.clone(), &journal)?;
        let mut daemon = Self {
            clock,
            commands,
            keeper: Keeper::new(journal, blackbox, unsaved),
            device: config.truck.device(),
            dispatch_acks: config.dispatch.acks,
            parts,
            view: View::default(),
            warned: None,
            warned_of_drops: None,
            health_file: HealthFile::new(&config.state_dir),
            health_at: None,
            published: None,
            told_held: 0,
            publish_every: match profile {
                Profile::Normal => HEALTH_PUBLISHED_EVERY,
                Profile::Frugal => HEALTH_PUBLISHED_EVERY_FRUGAL,
            },
            news: false,
            logged: "starting",
            paused: None,
            last_input: now,
            reserve: Reserve::new(&config.state_dir),
            // The start ends private time in the engine, and a switch that cannot be seen then must not.
            switch: Switch::new(config.privacy_switch.clone(), engine.state().is_private()),
            private_until: Mono(0),
            unnamed_since: None,
            before: Before::Unasked,
            to_link: None,
            noted: Noted { taken: engine.outbox().taken(), again_at: Mono(0) },
            time: watch::Sender::new(base),
            traffic: Arc::default(),
            budget: config.mqtt.as_ref().map(|mqtt| budget::open(mqtt, &config.state_dir)),
            engine,
        };
        daemon.keeper.begin(now, &daemon.engine.head());
        let why = daemon.begin_above(now, floor, why);
        let (kernel_boot, system_utc, date_floor) = (kernel_boot(), clock.system_utc(), config.date_floor.live());
        let boot = Boot { kernel_boot, system_utc, date_floor, checksums: config.checksums, why };
        daemon.recorded(Recorded::Boot(now, boot));
        daemon.follow_switch(now, false);
        Ok(daemon)
    }

    fn connect(&mut self, config: &Config) -> Receiver<LinkEvent> {
        let (to_loop, link) = channel(LINK_QUEUE);
        let Some(mqtt) = config.mqtt.clone() else {
            self.parts.link.set("not_configured", None, Some("set mqtt.url; events are kept until then"), wall_clock());
            return link;
        };
        if let Some(told) = mqtt.pings_beyond_the_month() {
            tracing::warn!("{told}");
        }
        let last_will = serde_json::json!({
            "status": "offline", "device": self.device, "version": VERSION, "boot_id": self.engine.boot_id(),
        });
        let identity = Identity {
            client_id: self.device.clone(),
            prefix: format!("gatestamp/v1/{}/{}", config.truck.fleet, config.truck.id),
            reads_acks: self.dispatch_acks,
            reads_commands: !config.dispatch.keys.is_empty(),
            last_will: last_will.to_string().into_bytes(),
        };
        let (to_link, from) = channel(LINK_QUEUE);
        self.to_link = Some(to_link);
        let (clock, time, traffic) = (self.clock, self.time.subscribe(), Arc::clone(&self.traffic));
        tokio::spawn(mqtt::run(Uplink { config: mqtt, identity, clock, time, traffic }, from, to_loop));
        link
    }

    async fn serve(
        &mut self,
        port: &mut Receiver<SourceEvent>,
        link: &mut Receiver<LinkEvent>,
        told_to_stop: impl Future<Output = ()>,
    ) -> Result<(), RunError> {
        let mut told_to_stop = pin!(told_to_stop);
        loop {
            tokio::select! {
                // Order matters: a flood of bytes must not hold off the signal to stop.
                biased;
                () = told_to_stop.as_mut() => return Ok(()),
                Some(event) = port.recv() => self.source(event),
                Some(event) = link.recv() => self.link(event),
                () = self.clock.sleep(QUIET) => {}
            }
            self.tend(port.is_empty());
            if self.keeper.must_start_again() {
                return Err(RunError::StartAgain);
            }
            systemd::alive();
        }
    }

    fn stop(&mut self) {
        self.recorded(Recorded::Stop(self.clock.now()));
        self.keeper.end();
        self.close_budget();
        self.write_health();
        tracing::info!("stopped");
    }

    fn source(&mut self, event: SourceEvent) {
        self.view.tried = true;
        match event {
            SourceEvent::Opened { at, speed, shared_with } => {
                tracing::debug!(speed, "the receiver's source is open");
                if !shared_with.is_empty() {
                    tracing::warn!(others = shared_with.join(", "), "other programs read the receiver's port too");
                }
                self.view = View { speed, shared_with, tried: true, heard: at, ..View::default() };
                self.parts.setup = None;
                self.recorded(Recorded::Source(at, SourceState::Open));
            }
            SourceEvent::Gone(at, trouble) => {
                // Every attempt says so again; the recording says it once, and the log even of a loose plug only now and then.
                if self.view.trouble.as_ref().is_none_or(|before| before.kind != trouble.kind) {
                    self.recorded(Recorded::Source(at, SourceState::Gone));
                }
                if self.warned.is_none_or(|(kind, then)| kind != trouble.kind || at - then >= WARN_EVERY) {
                    self.warned = Some((trouble.kind, at));
                    self.logged = trouble.kind.word();
                    tracing::warn!(why = trouble.why, remedy = trouble.kind.remedy(), "no receiver");
                }
                self.view.trouble = Some(trouble);
            }
            SourceEvent::Bytes(at, bytes) => {
                (self.view.trouble, self.view.heard) = (None, at);
                if !self.withholds(at) {
                    self.recorded(Recorded::Bytes(at, bytes));
                }
            }
            SourceEvent::Dropped(at, reads) => {
                if self.warned_of_drops.is_none_or(|then| at - then >= WARN_EVERY) {
                    self.warned_of_drops = Some(at);
                    tracing::warn!(reads, "the disk was slow for too long; what the receiver said meanwhile is lost");
                }
                self.recorded(Recorded::Missed(at, reads));
            }
            SourceEvent::Speed(at, Finding::Proven(speed)) => {
                (self.view.speed, self.view.scanning) = (Some(speed), false);
                if self.engine.state().line_speed() != Some(speed) {
                    tracing::info!(speed, "the receiver talks at this speed");
                    self.recorded(Recorded::Source(at, SourceState::Proven(speed)));
                }
            }
            SourceEvent::Speed(_, Finding::Switch(speed)) => {
                tracing::debug!(speed, "no sentence can be read; listening at another speed");
                (self.view.speed, self.view.scanning) = (Some(speed), true);
            }
            SourceEvent::Configured(setup) => {
                tracing::info!(%setup, "the receiver was configured");
                (self.parts.setup, self.news) = (Some(setup), true);
            }
            SourceEvent::Commands(count) => {
                if self.view.commands == 0 {
                    tracing::warn!("AT commands of another program come back from the receiver's port");
                }
                self.view.commands = count;
            }
        }
    }

    fn link(&mut self, event: LinkEvent) {
        let now = wall_clock();
        match event {
            LinkEvent::Waiting => {
                let why = "no fix since the start: certificates are judged at its time";
                let remedy = Some("give the antenna a view of the sky; without a fix it connects after five minutes");
                if self.parts.link.set("waiting_for_time", Some(why.to_owned()), remedy, now) {
                    self.news = true;
                    tracing::info!(why, "not connecting yet");
                }
            }
            LinkEvent::Connected { note, interval_s } => {
                self.proven_every(interval_s);
                tracing::info!(note, "connected to the broker");
                let remedy = note.is_some().then_some("gatestamp check names each fault and its remedy");
                self.news |= self.parts.link.set("connected", note, remedy, now);
            }
            LinkEvent::Engine(told @ Link::Received { .. }) => self.acknowledged(told),
            LinkEvent::Engine(Link::Refused(sequence, why)) => {
                self.engine_link(Link::Refused(sequence, why));
                if matches!(why, Refusal::NotTaken | Refusal::Unsendable) {
                    self.shelve_loss(sequence);
                }
                self.convicted("the broker names a fault of its own against this event, and takes the others");
            }
            LinkEvent::Engine(link) => {
                let up = matches!(link, Link::Up(_));
                self.engine_link(link);
                if up {
                    self.publish_health();
                }
            }
            LinkEvent::Command(bytes) => self.command(&bytes),
            LinkEvent::Gone(gone, ending) => self.gone(gone, ending),
        }
    }

    fn recorded(&mut self, input: Recorded) {
        let at = input.at();
        self.last_input = at;
        let effects = self.engine.handle(&Input::Recorded(&input));
        for effect in effects {
            self.perform(at, effect, Some(&input));
        }
    }

    fn engine_link(&mut self, link: Link) {
        let at = self.clock.now();
        let ignored = self.engine.outbox().ignored_acks();
        for effect in self.engine.handle(&Input::Link(at, link)) {
            self.perform(at, effect, None);
        }
        if ignored == 0 && self.engine.outbox().ignored_acks() > 0 {
            tracing::warn!(
                "an acknowledgement is ignored: for another device, above anything that this journal ever held, or below what was said before. More of \
                 them are only counted, in health"
            );
        }
    }

    fn command(&mut self, bytes: &[u8]) {
        let at = self.clock.now();
        let time = self.time.borrow().at(at, self.clock.system_utc());
        let outcome = self.commands.take(bytes, at, time, self.keeper.journal());
        if let Some(link) = outcome.link {
            let asked = if let Link::Replay { sequence, .. } = link { Some(sequence) } else { None };
            self.engine_link(link);
            if let Some(from) = asked {
                self.replayed(from);
            }
        }
        if let Some(reply) = outcome.reply {
            self.hand_over(Outgoing::Reply(reply));
        }
    }

    fn perform(&mut self, at: Mono, effect: Effect, input: Option<&Recorded>) {
        match effect {
            Effect::Record => {
                if let Some(input) = input {
                    self.keeper.record(at, input);
                }
            }
            Effect::Save(events) => {
                self.note_delivery();
                self.keeper.save(at, events, self.engine.state());
            }
            Effect::SaveReceived(thru) => {
                // Lost, it only means that dispatch gets events twice.
                if let Err(error) = self.keeper.journal().received(thru) {
                    tracing::warn!(%error, "dispatch's acknowledgement could not be kept");
                }
            }
            Effect::Send(range) => self.send(at, range),
            Effect::State(body) => self.hand_over(Outgoing::State(body)),
            Effect::Position(body) => self.hand_over(Outgoing::Position(body)),
            Effect::Fixed(fix) => {
                let timely = !fix.late || fix.time_stepped;
                self.time.send_modify(|time| time.fix(fix.arrived, fix.fix.time, timely));
            }
            Effect::Covered(_) => {}
        }
    }

    /// What is due by time, whatever else goes on: word of silence, the next segment, the outbox's timer, health. After a slow commit
    /// bytes of before now may wait: then it was not silent.
    fn tend(&mut self, silent: bool) {
        let at = self.clock.now();
        self.follow_switch(at, !silent);
        if silent && at - self.last_input >= TICK {
            self.recorded(Recorded::Tick(at));
        }
        // What waits in the queue is older than now: nothing may be recorded as if it had not come.
        let known = if silent { at } else { self.last_input };
        let Self { keeper, engine, .. } = self;
        if let Some(missed) = keeper.tend(known, || engine.head()) {
            self.recorded(missed);
        }
        self.reserve.tend(at);
        self.name_losses(known);
        self.tend_acceptance();
        self.engine_link(Link::Tick);
        self.tend_delivery();
        self.paused();
        let spares_health = self.tend_budget(at) >= Some(GivenUp::Health);
        let now = wall_clock();
        let told = diagnose(&self.view, self.engine.coverage().cause(), at);
        let receiver = self.parts.receiver(told, now);
        self.news |= receiver;
        let changed = self.parts.disk(self.keeper.trouble(), now);
        let wait = if self.news { NEWS_EVERY } else { HEALTH_EVERY };
        let held = self.keeper.trouble().held;
        if changed || self.told_held != held || self.health_at.is_none_or(|then| at - then >= wait) {
            self.told_held = held;
            self.news = false;
            let Part { state, why, remedy, .. } = &self.parts.receiver;
            if std::mem::replace(&mut self.logged, *state) != *state {
                tracing::info!(state, why, remedy, "receiver");
            }
            self.health_at = Some(at);
            self.write_health();
        }
        // Sooner where dispatch was told something else of the receiver: a loose plug costs three times what a good one does.
        let is_due = self.published.is_none_or(|(then, told)| {
            let is_news = told != self.parts.receiver.state;
            at - then >= if is_news { Span(self.publish_every.0 / 3) } else { self.publish_every }
        });
        if changed || (is_due && !spares_health) {
            self.publish_health();
        }
    }

    fn health(&self) -> Vec<u8> {
        let link = Uplinked {
            acknowledged_by: if self.dispatch_acks { "dispatch" } else { "broker" },
            refused_commands: self.commands.refused(),
            sent_bytes: self.traffic.up(),
            received_bytes: self.traffic.down(),
            handshakes: self.traffic.handshakes(),
        };
        let spending = self.budget.as_ref().map(|budgeted| budgeted.budget.told());
        let dated = |sequence| self.keeper.dated(sequence);
        self.parts.message(self.clock.now(), &self.engine, &self.device, self.keeper.trouble(), (link, dated), spending)
    }

    fn publish_health(&mut self) {
        self.published = Some((self.clock.now(), self.parts.receiver.state));
        let health = self.health();
        self.hand_over(Outgoing::Health(health));
    }

    /// For `gatestamp status`.
    fn write_health(&self) {
        // Where events are nowhere but in memory, the next start is to know.
        let durable = self.keeper.trouble().held > 0;
        if let Err(error) = self.health_file.write(&self.health(), durable) {
            // `status` tells from the age of the old one that something is wrong.
            tracing::debug!(%error, "health.json could not be written");
        }
    }
}

impl Engine {
    /// The head of a segment that begins now.
    fn head(&self) -> Head {
        Head {
            version: VERSION.to_owned(),
            fleet: self.truck().fleet.clone(),
            truck: self.truck().id.clone(),
            facilities: self.facilities().revision(),
            state: self.state().clone(),
        }
    }
}
