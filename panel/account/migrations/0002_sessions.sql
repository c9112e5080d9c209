-- Browsers that are logged in, or about to log in.
CREATE TABLE gomeko_panel_session (
	token      text PRIMARY KEY,   -- the hash of what the cookie has
	name       text NOT NULL,      -- of the user; empty before the login
	data       {bytes} NOT NULL,
	expires_at bigint NOT NULL
);
CREATE INDEX gomeko_panel_session_name ON gomeko_panel_session (name);
CREATE INDEX gomeko_panel_session_expires ON gomeko_panel_session (expires_at);

-- Services that have answered, so that a panel knows them while none of their processes runs.
CREATE TABLE gomeko_panel_service (
	name        text PRIMARY KEY,
	description text NOT NULL,     -- gomeko.describe/v1
	seen_at     bigint NOT NULL    -- the last answer
);
