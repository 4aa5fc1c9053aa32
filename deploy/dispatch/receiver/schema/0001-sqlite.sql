-- What dispatch has, in SQLite. Times are milliseconds since 1970, UTC; what people read are the views at the end.

-- One row per device that ever reported under a truck's name. The device's id comes from the truck's configuration: a gateway that
-- was exchanged under the same name continues the same device, and if it has not got the old journal, it begins again at sequence 1
-- and lands in `conflict`.
CREATE TABLE device (
    key           INTEGER PRIMARY KEY,
    fleet         TEXT NOT NULL,
    truck         TEXT NOT NULL,
    device        TEXT NOT NULL,
    first_ms      INTEGER NOT NULL,
    last_ms       INTEGER NOT NULL,
    -- Everything up to here is committed or declared lost: what is acknowledged.
    thru          INTEGER NOT NULL DEFAULT 0,
    -- What the truck says that the broker has; above thru it is a hole, seen since hole_ms.
    complete_thru INTEGER NOT NULL DEFAULT 0,
    hole_ms       INTEGER,
    -- How often the hole was asked for, and the number of the last command: above all before, for ever.
    asked         INTEGER NOT NULL DEFAULT 0,
    counter       INTEGER NOT NULL DEFAULT 0,
    -- The webhook has been given everything up to this arrival.
    hooked        INTEGER NOT NULL DEFAULT 0,
    UNIQUE (fleet, truck, device)
) STRICT;

-- Each event once, with its bytes as they came. `arrival` rises in the order of receipt, and no number comes twice: not after old
-- events were deleted, and not after a restore.
CREATE TABLE event (
    arrival       INTEGER PRIMARY KEY AUTOINCREMENT,
    device_key    INTEGER NOT NULL REFERENCES device (key),
    sequence      INTEGER NOT NULL,
    received_ms   INTEGER NOT NULL,
    id            TEXT NOT NULL,
    type          TEXT NOT NULL,
    subject       TEXT,
    time_ms       INTEGER NOT NULL,
    visit         TEXT,
    revision      INTEGER,
    status        TEXT,
    facility_name TEXT,
    zone          TEXT,
    phase         TEXT,
    at_lo_ms      INTEGER,
    at_hi_ms      INTEGER,
    decided_ms    INTEGER,
    method        TEXT,
    confidence    TEXT,
    latitude      REAL,
    longitude     REAL,
    trip          TEXT,
    stop          TEXT,
    verdict       TEXT,
    by_seconds    INTEGER,
    body          BLOB NOT NULL,
    UNIQUE (device_key, sequence)
) STRICT;
CREATE INDEX event_of_device ON event (device_key, arrival);
CREATE INDEX event_by_time ON event (time_ms);

-- Sequences that a device had to give up, named by its event `named_by`. They count as received and are shown as lost.
CREATE TABLE lost (
    device_key INTEGER NOT NULL REFERENCES device (key),
    first      INTEGER NOT NULL,
    last       INTEGER NOT NULL,
    named_by   INTEGER NOT NULL,
    PRIMARY KEY (device_key, first, last)
) STRICT;

-- A known id that came with other bytes: never right, so both are kept, however many come.
CREATE TABLE conflict (
    device_key  INTEGER NOT NULL REFERENCES device (key),
    sequence    INTEGER NOT NULL,
    sha256      BLOB NOT NULL,
    received_ms INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (device_key, sequence, sha256)
) STRICT;

-- Messages that are no events, with the reason; the newest ten thousand.
CREATE TABLE refused (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    received_ms INTEGER NOT NULL,
    topic       BLOB NOT NULL,
    why         TEXT NOT NULL,
    body        BLOB NOT NULL
) STRICT;

-- Events that the webhook's other side refused for good.
CREATE TABLE unhooked (
    arrival INTEGER PRIMARY KEY,
    at_ms   INTEGER NOT NULL,
    why     TEXT NOT NULL
) STRICT;

-- The newest state, health and reply of each truck.
CREATE TABLE notice (
    fleet       TEXT NOT NULL,
    truck       TEXT NOT NULL,
    topic       TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    body        BLOB NOT NULL,
    PRIMARY KEY (fleet, truck, topic)
) STRICT;

-- The documented view: see deploy/dispatch/README.md. Columns may be added behind the others, none goes or changes its meaning.
CREATE VIEW events AS
SELECT d.fleet, d.truck, d.device, e.sequence, e.id, e.type, e.subject AS facility, e.facility_name,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.time_ms / 1000.0, 'unixepoch') AS time,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.at_lo_ms / 1000.0, 'unixepoch') AS at_lo,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.at_hi_ms / 1000.0, 'unixepoch') AS at_hi,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.decided_ms / 1000.0, 'unixepoch') AS decided_at,
    strftime('%Y-%m-%dT%H:%M:%fZ', e.received_ms / 1000.0, 'unixepoch') AS received_at,
    e.visit, e.revision, e.status, e.zone, e.phase, e.method, e.confidence, e.latitude, e.longitude,
    e.trip, e.stop, e.verdict, e.by_seconds, e.arrival, CAST(e.body AS TEXT) AS json
FROM event e JOIN device d ON d.key = e.device_key;

CREATE VIEW losses AS
SELECT d.fleet, d.truck, d.device, l.first, l.last, l.last - l.first + 1 AS count, l.named_by
FROM lost l JOIN device d ON d.key = l.device_key;
