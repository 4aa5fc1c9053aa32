-- What dispatch has, in PostgreSQL. Times are milliseconds since 1970, UTC; what people read are the views at the end.

-- One row per device that ever reported under a truck's name. The device's id comes from the truck's configuration: a gateway that
-- was exchanged under the same name continues the same device, and if it has not got the old journal, it begins again at sequence 1
-- and lands in `conflict`.
CREATE TABLE device (
    key           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fleet         TEXT NOT NULL,
    truck         TEXT NOT NULL,
    device        TEXT NOT NULL,
    first_ms      BIGINT NOT NULL,
    last_ms       BIGINT NOT NULL,
    -- Everything up to here is committed or declared lost: what is acknowledged.
    thru          BIGINT NOT NULL DEFAULT 0,
    -- What the truck says that the broker has; above thru it is a hole, seen since hole_ms.
    complete_thru BIGINT NOT NULL DEFAULT 0,
    hole_ms       BIGINT,
    -- How often the hole was asked for, and the number of the last command: above all before, for ever.
    asked         BIGINT NOT NULL DEFAULT 0,
    counter       BIGINT NOT NULL DEFAULT 0,
    -- The webhook has been given everything up to this arrival.
    hooked        BIGINT NOT NULL DEFAULT 0,
    UNIQUE (fleet, truck, device)
);

-- Each event once, with its bytes as they came. `arrival` rises in the order of receipt, and no number comes twice: not after old
-- events were deleted, and not after a restore.
CREATE TABLE event (
    arrival       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_key    BIGINT NOT NULL REFERENCES device (key),
    sequence      BIGINT NOT NULL,
    received_ms   BIGINT NOT NULL,
    id            TEXT NOT NULL,
    type          TEXT NOT NULL,
    subject       TEXT,
    time_ms       BIGINT NOT NULL,
    visit         TEXT,
    revision      BIGINT,
    status        TEXT,
    facility_name TEXT,
    zone          TEXT,
    phase         TEXT,
    at_lo_ms      BIGINT,
    at_hi_ms      BIGINT,
    decided_ms    BIGINT,
    method        TEXT,
    confidence    TEXT,
    latitude      DOUBLE PRECISION,
    longitude     DOUBLE PRECISION,
    trip          TEXT,
    stop          TEXT,
    verdict       TEXT,
    by_seconds    BIGINT,
    body          BYTEA NOT NULL,
    UNIQUE (device_key, sequence)
);
CREATE INDEX event_of_device ON event (device_key, arrival);
CREATE INDEX event_by_time ON event (time_ms);

-- Sequences that a device had to give up, named by its event `named_by`. They count as received and are shown as lost.
CREATE TABLE lost (
    device_key BIGINT NOT NULL REFERENCES device (key),
    first      BIGINT NOT NULL,
    last       BIGINT NOT NULL,
    named_by   BIGINT NOT NULL,
    PRIMARY KEY (device_key, first, last)
);

-- A known id that came with other bytes: never right, so both are kept, however many come.
CREATE TABLE conflict (
    device_key  BIGINT NOT NULL REFERENCES device (key),
    sequence    BIGINT NOT NULL,
    sha256      BYTEA NOT NULL,
    received_ms BIGINT NOT NULL,
    body        BYTEA NOT NULL,
    PRIMARY KEY (device_key, sequence, sha256)
);

-- Messages that are no events, with the reason; the newest ten thousand.
CREATE TABLE refused (
    number      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received_ms BIGINT NOT NULL,
    topic       BYTEA NOT NULL,
    why         TEXT NOT NULL,
    body        BYTEA NOT NULL
);

-- Events that the webhook's other side refused for good.
CREATE TABLE unhooked (
    arrival BIGINT PRIMARY KEY,
    at_ms   BIGINT NOT NULL,
    why     TEXT NOT NULL
);

-- The newest state, health and reply of each truck.
CREATE TABLE notice (
    fleet       TEXT NOT NULL,
    truck       TEXT NOT NULL,
    topic       TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    body        BYTEA NOT NULL,
    PRIMARY KEY (fleet, truck, topic)
);

-- The documented view: see deploy/dispatch/README.md. Columns may be added behind the others, none goes or changes its meaning.
CREATE VIEW events AS
SELECT d.fleet, d.truck, d.device, e.sequence, e.id, e.type, e.subject AS facility, e.facility_name,
    to_timestamp(e.time_ms / 1000.0) AS time,
    to_timestamp(e.at_lo_ms / 1000.0) AS at_lo,
    to_timestamp(e.at_hi_ms / 1000.0) AS at_hi,
    to_timestamp(e.decided_ms / 1000.0) AS decided_at,
    to_timestamp(e.received_ms / 1000.0) AS received_at,
    e.visit, e.revision, e.status, e.zone, e.phase, e.method, e.confidence, e.latitude, e.longitude,
    e.trip, e.stop, e.verdict, e.by_seconds, e.arrival, convert_from(e.body, 'UTF8') AS json
FROM event e JOIN device d ON d.key = e.device_key;

CREATE VIEW losses AS
SELECT d.fleet, d.truck, d.device, l.first, l.last, l.last - l.first + 1 AS count, l.named_by
FROM lost l JOIN device d ON d.key = l.device_key;
