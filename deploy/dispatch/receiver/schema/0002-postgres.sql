-- When the truck itself was heard on this topic. A retained copy that the broker gives to whoever connects is no sign of it, nor is its
-- last will, which the broker says.
ALTER TABLE notice ADD COLUMN heard_ms BIGINT;

-- One row per receiver that ever ran over this database, by its client id.
CREATE TABLE receiver (
    client_id    TEXT PRIMARY KEY,
    -- Its newest sign of life.
    seen_ms      BIGINT NOT NULL,
    -- Since when it has its broker; without one, why not.
    connected_ms BIGINT,
    why          TEXT
);

-- What the webhook's other side said when it did not take this device's next event, and when; nothing once it did.
ALTER TABLE device ADD COLUMN hook_ms BIGINT;
ALTER TABLE device ADD COLUMN hook_why TEXT;
