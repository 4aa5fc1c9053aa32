//! The ledger's statements, the same for both databases.

/// Locks a device's row for this transaction.
pub(super) const LOCK_DEVICE: &str =
    "UPDATE device SET last_ms = $1 WHERE fleet = $2 AND truck = $3 AND device = $4 RETURNING key, thru";
/// Another receiver may have made it between.
pub(super) const NEW_DEVICE: &str = "INSERT INTO device (first_ms, last_ms, fleet, truck, device, again_ms)
    VALUES ($1, $1, $2, $3, $4, (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'restored'))
    ON CONFLICT (fleet, truck, device) DO NOTHING";
/// Only where a copy was put in the database's place. It has no event yet, and so no last one.
pub(super) const NEW_RESTORED: &str = "INSERT INTO device (first_ms, last_ms, fleet, truck, device, again_ms)
    SELECT CAST($1 AS BIGINT), 0, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST(value AS BIGINT) FROM meta
    WHERE name = 'restored' AND NOT EXISTS (SELECT 1 FROM device WHERE fleet = $2 AND truck = $3 AND device = $4)
    ON CONFLICT (fleet, truck, device) DO NOTHING";
/// To the newest request and to none before the restore: those have other counters, or were not asked here.
pub(super) const ANSWERED: &str = "UPDATE device SET again_ms = NULL, again_asked = 0, asked = 0,
    hole_ms = CASE WHEN complete_thru > thru THEN CAST($1 AS BIGINT) ELSE NULL END
    WHERE fleet = $2 AND truck = $3 AND counter = $4 AND again_ms IS NOT NULL AND again_asked > 0";
/// The next request waits no longer than the second did.
pub(super) const BACK: &str =
    "UPDATE device SET again_asked = 2 WHERE fleet = $1 AND truck = $2 AND again_ms IS NOT NULL AND again_asked > 2";
pub(super) const UNANSWERED: &str = "SELECT count(*) FROM device WHERE again_ms IS NOT NULL";
pub(super) const NEW_EVENT: &str = "INSERT INTO event (device_key, sequence, received_ms, id, type, subject, time_ms, visit,
    revision, status, facility_name, zone, phase, at_lo_ms, at_hi_ms, decided_ms, method, confidence, latitude, longitude, trip,
    stop, verdict, by_seconds, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
    ON CONFLICT (device_key, sequence) DO NOTHING";
pub(super) const NEW_LOSS: &str = "INSERT INTO lost (device_key, first, last, named_by) VALUES ($1, $2, $3, $4)
    ON CONFLICT (device_key, first, last) DO NOTHING";
pub(super) const BODY: &str = "SELECT body FROM event WHERE device_key = $1 AND sequence = $2";
/// Without a cap: what is not kept must not be acknowledged, and a truck that began again at 1 sends events that nobody else has.
pub(super) const NEW_CONFLICT: &str = "INSERT INTO conflict (device_key, sequence, sha256, received_ms, body)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (device_key, sequence, sha256) DO NOTHING";
pub(super) const SEQUENCES_ABOVE: &str = "SELECT sequence, sequence FROM event
    WHERE device_key = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";
pub(super) const SEQUENCES_WITHIN: &str = "SELECT sequence, sequence FROM event
    WHERE device_key = $1 AND sequence BETWEEN $2 AND $3 ORDER BY sequence LIMIT $4";
pub(super) const LOSSES_WITHIN: &str = "SELECT first, last FROM lost
    WHERE device_key = $1 AND last >= $2 AND first <= $3 ORDER BY first LIMIT $4";
pub(super) const LOSSES_ABOVE: &str = "SELECT first, last FROM lost
    WHERE device_key = $1 AND last > $2 ORDER BY first LIMIT $3";
/// A hole that gets smaller is being filled: patience begins anew.
pub(super) const MOVE_THRU: &str = "UPDATE device SET thru = $1, asked = 0,
    hole_ms = CASE WHEN complete_thru > $1 THEN CAST($2 AS BIGINT) ELSE NULL END WHERE key = $3 AND thru < $1";
pub(super) const NOTE: &str =
    "INSERT INTO notice (fleet, truck, topic, received_ms, body, heard_ms) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (fleet, truck, topic) DO UPDATE SET received_ms = excluded.received_ms, body = excluded.body,
        heard_ms = COALESCE(excluded.heard_ms, notice.heard_ms)";
pub(super) const SEEN: &str = "INSERT INTO receiver (client_id, seen_ms, connected_ms, why) VALUES ($1, $2, $3, $4)
    ON CONFLICT (client_id) DO UPDATE SET seen_ms = excluded.seen_ms, connected_ms = excluded.connected_ms, why = excluded.why";
/// A state names no device: it is of the one that reported last.
pub(super) const COMPLETE_THRU: &str = "UPDATE device SET complete_thru = $1,
    hole_ms = CASE WHEN $1 <= thru THEN NULL WHEN hole_ms IS NULL THEN CAST($2 AS BIGINT) ELSE hole_ms END
    WHERE key = (SELECT key FROM device WHERE fleet = $3 AND truck = $4 ORDER BY last_ms DESC, key DESC LIMIT 1)
    AND complete_thru <> $1";
pub(super) const REFUSE: &str = "INSERT INTO refused (received_ms, topic, why, body) VALUES ($1, $2, $3, $4)";
pub(super) const FORGET_REFUSED: &str = "DELETE FROM refused WHERE number <= (SELECT max(number) FROM refused) - 10000";
pub(super) const NEWEST_DEVICES: &str = "SELECT d.key FROM device d WHERE NOT EXISTS (
    SELECT 1 FROM device o WHERE o.fleet = d.fleet AND o.truck = d.truck
        AND (o.last_ms > d.last_ms OR (o.last_ms = d.last_ms AND o.key > d.key)))";
pub(super) const DEVICE: &str = "SELECT fleet, truck, device, thru, again_ms FROM device WHERE key = $1";
pub(super) const HOLES: &str = "SELECT key, fleet, truck, device, thru, hole_ms, asked, counter FROM device
    WHERE complete_thru > thru AND hole_ms IS NOT NULL AND again_ms IS NULL ORDER BY hole_ms, key";
/// Those that were not asked yet first.
pub(super) const RESTORED: &str = "SELECT key, fleet, truck, device, thru, again_ms, again_asked, counter FROM device
    WHERE again_ms IS NOT NULL ORDER BY again_ms, key";
/// Only if nobody else has just asked.
pub(super) const ASK: &str =
    "UPDATE device SET asked = asked + 1, hole_ms = $1, counter = $2 WHERE key = $3 AND asked = $4";
/// The same.
pub(super) const ASK_RESTORED: &str = "UPDATE device SET again_asked = again_asked + 1, again_ms = $1, counter = $2
    WHERE key = $3 AND again_asked = $4 AND again_ms IS NOT NULL";
