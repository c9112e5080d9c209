-- 1 if the audit trail has a refusal of the current delay; 0 after a login that was tried.
ALTER TABLE gomeko_panel_failure ADD COLUMN refused bigint NOT NULL DEFAULT 0;
CREATE INDEX gomeko_panel_failure_last ON gomeko_panel_failure (last_at);
