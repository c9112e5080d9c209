-- The messages that leave with the commit of the transaction that has written them.
CREATE TABLE gomeko_outbox (
	seq         integer PRIMARY KEY AUTOINCREMENT,
	line        text NOT NULL,         -- the messages of a line leave one after another
	exchange    text NOT NULL,
	routing_key text NOT NULL,
	properties  text NOT NULL,         -- JSON
	body        blob NOT NULL,
	created_at  integer NOT NULL
);

-- The process that publishes them at this moment: one row.
CREATE TABLE gomeko_relay (
	owner       text NOT NULL,
	lease_until integer NOT NULL
);
INSERT INTO gomeko_relay (owner, lease_until) VALUES ('', 0);

-- The messages that were handled, with the work of their handlers.
CREATE TABLE gomeko_inbox (
	consumer   text NOT NULL,
	message_id text NOT NULL,
	handled_at integer NOT NULL,
	PRIMARY KEY (consumer, message_id)
) WITHOUT ROWID;
CREATE INDEX gomeko_inbox_handled ON gomeko_inbox (handled_at);
