-- store is the id of the store that has the job, empty for none. digest is that of all arguments, if
-- some are hidden and the form had a nonce.

ALTER TABLE gomeko_panel_run ADD COLUMN store text NOT NULL DEFAULT '';
ALTER TABLE gomeko_panel_run ADD COLUMN digest text NOT NULL DEFAULT '';
CREATE INDEX gomeko_panel_run_busy ON gomeko_panel_run (actor) WHERE open = 1;
