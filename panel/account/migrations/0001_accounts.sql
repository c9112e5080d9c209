-- All times are microseconds since 1970, UTC; 0 is never.

CREATE TABLE gomeko_panel_user (
	name        text PRIMARY KEY,
	password    text NOT NULL,     -- argon2id in the format of PHC; empty: logs in elsewhere
	superuser   integer NOT NULL,  -- 0 or 1
	created_at  bigint NOT NULL,
	disabled_at bigint NOT NULL,
	login_at    bigint NOT NULL    -- the last one
);

CREATE TABLE gomeko_panel_group (
	path       text PRIMARY KEY,   -- with the names of all groups above, separated by /
	created_at bigint NOT NULL
);

CREATE TABLE gomeko_panel_member (
	path text NOT NULL,
	name text NOT NULL,            -- of the user
	PRIMARY KEY (path, name)
);
CREATE INDEX gomeko_panel_member_name ON gomeko_panel_member (name);

-- Logins that have failed, by user and by address.
CREATE TABLE gomeko_panel_failure (
	subject text PRIMARY KEY,
	tries   integer NOT NULL,
	last_at bigint NOT NULL,
	next_at bigint NOT NULL        -- no login is tried before
);

CREATE TABLE gomeko_panel_audit (
	seq     {serial},
	at      bigint NOT NULL,
	actor   text NOT NULL,
	address text NOT NULL,
	action  text NOT NULL,
	object  text NOT NULL,
	details text NOT NULL,         -- JSON
	failed  text NOT NULL          -- the error; empty if the action succeeded
);
CREATE INDEX gomeko_panel_audit_actor ON gomeko_panel_audit (actor, seq);
CREATE INDEX gomeko_panel_audit_object ON gomeko_panel_audit (object, seq);
