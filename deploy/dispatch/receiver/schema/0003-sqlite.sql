-- A copy was put in this database's place, so the truck may have delivered more than is here: since then, or since it was asked last for
-- everything above thru; nothing once it answered. And how often it was asked.
ALTER TABLE device ADD COLUMN again_ms INTEGER;
ALTER TABLE device ADD COLUMN again_asked INTEGER NOT NULL DEFAULT 0;
