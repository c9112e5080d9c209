-- What all processes of a panel must have in common.
CREATE TABLE gomeko_panel_secret (
	name       text PRIMARY KEY,
	value      text NOT NULL,
	created_at bigint NOT NULL
);
