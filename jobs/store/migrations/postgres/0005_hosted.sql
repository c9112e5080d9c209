-- The rows that workers have or had.
CREATE TABLE gomeko_hosted (
	service   text NOT NULL,
	name      text NOT NULL,
	queue     text NOT NULL,
	former    text NOT NULL,           -- the queue before that; empty if there was none
	sensitive boolean NOT NULL,          -- what its jobs come with must not be shown
	PRIMARY KEY (service, name)
);
