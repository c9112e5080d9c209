-- 1 if a login was refused since the last one that was tried: the audit trail has only the first of them.
ALTER TABLE gomeko_panel_failure ADD COLUMN refused bigint NOT NULL DEFAULT 0;
CREATE INDEX gomeko_panel_failure_last ON gomeko_panel_failure (last_at);
