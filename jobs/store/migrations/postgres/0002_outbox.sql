-- The messages that leave with the commit of the transaction that has written them.
CREATE TABLE gomeko_outbox (
	seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	line        text NOT NULL,         -- the messages of a line leave one after another
	exchange    text NOT NULL,
	routing_key text NOT NULL,
	properties  text NOT NULL,         -- JSON
	body        bytea NOT NULL,
	created_at  timestamptz NOT NULL
);
CREATE INDEX gomeko_outbox_line ON gomeko_outbox (line, seq);

-- The messages that were handled, with the work of their handlers.
CREATE TABLE gomeko_inbox (
	consumer   text NOT NULL,
	message_id text NOT NULL,
	handled_at timestamptz NOT NULL,
	PRIMARY KEY (consumer, message_id)
);
CREATE INDEX gomeko_inbox_handled ON gomeko_inbox (handled_at);
