-- Increases whenever all sessions of the user end, so that one that is saved late is recognized.
ALTER TABLE gomeko_panel_user ADD COLUMN session_version bigint NOT NULL DEFAULT 0;
