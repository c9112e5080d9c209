-- All times are microseconds since 1970, UTC.

-- What the store is: one row.
CREATE TABLE gomeko_store (
	id text NOT NULL -- random
);
INSERT INTO gomeko_store (id) VALUES (lower(hex(randomblob(16))));

CREATE TABLE gomeko_job (
	seq            integer PRIMARY KEY AUTOINCREMENT,
	id             text NOT NULL UNIQUE,
	service        text NOT NULL,
	name           text NOT NULL,
	queue          text NOT NULL,
	state          text NOT NULL,      -- scheduled, queued, running, succeeded, failed, cancelled
	priority       integer NOT NULL,
	payload        blob    NOT NULL,
	content_type   text NOT NULL,
	headers        text NOT NULL,
	reply_to       text NOT NULL,
	correlation_id text NOT NULL,
	created_at     integer NOT NULL,
	run_at         integer NOT NULL,
	started_at     integer,
	finished_at    integer,
	sweep_at       integer,        -- scheduled: run_at; queued: when to wake a worker again; running, or a hook runs: end of the lease
	nudges         integer NOT NULL DEFAULT 0,
	owner          text NOT NULL DEFAULT '',
	host           text NOT NULL DEFAULT '',
	attempt        integer NOT NULL DEFAULT 0,
	earlier        integer NOT NULL DEFAULT 0, -- attempt when the job was retried by hand
	deaths         integer NOT NULL DEFAULT 0,
	cancel         integer NOT NULL DEFAULT 0,
	progress       real,
	progress_text  text NOT NULL DEFAULT '',
	result         text,
	error_type     text NOT NULL DEFAULT '',
	error          text NOT NULL DEFAULT '',
	hook           text NOT NULL DEFAULT 'none' -- none, due, running, ran
);

-- Claims: the best queued row of a queue, and of some names of a queue.
CREATE INDEX gomeko_job_claim ON gomeko_job (queue, priority DESC, run_at, seq) WHERE state = 'queued';
CREATE INDEX gomeko_job_claim_name ON gomeko_job (queue, name, priority DESC, run_at, seq) WHERE state = 'queued';
CREATE INDEX gomeko_job_suspect ON gomeko_job (queue, priority DESC, run_at, seq) WHERE state = 'queued' AND deaths > 0;
-- Sweeps: what is due, and what is queued and needs another nudge.
CREATE INDEX gomeko_job_due ON gomeko_job (sweep_at) WHERE state <> 'queued' AND sweep_at IS NOT NULL;
CREATE INDEX gomeko_job_nudge ON gomeko_job (sweep_at) WHERE state = 'queued';
CREATE INDEX gomeko_job_hook ON gomeko_job (queue, seq) WHERE hook = 'due';
CREATE INDEX gomeko_job_cancel ON gomeko_job (owner) WHERE state = 'running' AND cancel;
-- Lists, counts, pruning.
CREATE INDEX gomeko_job_list ON gomeko_job (service, name, queue, state, seq);
CREATE INDEX gomeko_job_finished ON gomeko_job (finished_at) WHERE finished_at IS NOT NULL;

-- The attempts that did not end in success.
CREATE TABLE gomeko_attempt (
	job        integer NOT NULL,       -- gomeko_job.seq
	number     integer NOT NULL,
	owner      text NOT NULL,
	host       text NOT NULL,
	started_at integer,
	ended_at   integer NOT NULL,
	kind       text NOT NULL,          -- fault, timeout, cancelled, killed
	error      text NOT NULL,
	stack      text NOT NULL,
	PRIMARY KEY (job, number)
);
