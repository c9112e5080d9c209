-- Tokens with which programs act as a user, as gomeko panel run does.
CREATE TABLE gomeko_panel_token (
	id         text PRIMARY KEY,     -- the first part of the token, which is printed
	hash       text NOT NULL,        -- SHA-256 of the whole token, in hex
	name       text NOT NULL,        -- of the user
	note       text NOT NULL,        -- what it is for
	created_at bigint NOT NULL,
	expires_at bigint NOT NULL,
	used_at    bigint NOT NULL,      -- to the minute; 0 is never
	address    text NOT NULL         -- from where it was used last
);
CREATE INDEX gomeko_panel_token_name ON gomeko_panel_token (name, created_at);
