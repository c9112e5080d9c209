-- What people start from a control panel. All times are microseconds since 1970, UTC, by the clock
-- of the database; 0 is never.

CREATE TABLE gomeko_panel_run (
	seq        {serial},
	id         text NOT NULL UNIQUE,
	kind       text NOT NULL,      -- rpc or jobs
	service    text NOT NULL,
	name       text NOT NULL,      -- of the row
	call       text NOT NULL,      -- the name of the row for callers
	allow      text NOT NULL,      -- the groups that it needs
	actor      text NOT NULL,
	address    text NOT NULL,
	nonce      text,               -- what the form had; NULL if it had none
	arguments  text NOT NULL,      -- a JSON object, without what is sensitive
	hidden     text NOT NULL,      -- a JSON list of the parameters of which something is left out
	state      text NOT NULL,
	open       integer NOT NULL,   -- 1: has not ended
	started_at bigint NOT NULL,
	sent_at    bigint NOT NULL,    -- when it was known to have left the panel
	began_at   bigint NOT NULL,    -- when the latest attempt of a job began
	ended_at   bigint NOT NULL,
	owner      text NOT NULL,      -- the process of the panel that sends it, or waits for its end
	lease_at   bigint NOT NULL,    -- until when; 0: nobody does, the store of jobs has it
	cancel     text NOT NULL,      -- who has cancelled it; empty: nobody
	job        text NOT NULL,      -- the id of the job
	attempts   integer NOT NULL,
	result     text,               -- JSON; NULL if there is none, or if it is larger than the limit
	size       bigint NOT NULL,    -- of the result, in bytes
	error_type text NOT NULL,
	error      text NOT NULL
);
CREATE UNIQUE INDEX gomeko_panel_run_nonce ON gomeko_panel_run (actor, nonce);

-- Pages of the history. A page of all states takes one part from each state.
CREATE INDEX gomeko_panel_run_state ON gomeko_panel_run (state, seq);
CREATE INDEX gomeko_panel_run_actor ON gomeko_panel_run (actor, state, seq);
CREATE INDEX gomeko_panel_run_service ON gomeko_panel_run (service, state, seq);
CREATE INDEX gomeko_panel_run_row ON gomeko_panel_run (service, name, state, seq);
CREATE INDEX gomeko_panel_run_actor_service ON gomeko_panel_run (actor, service, state, seq);
CREATE INDEX gomeko_panel_run_actor_row ON gomeko_panel_run (actor, service, name, state, seq);
CREATE INDEX gomeko_panel_run_started ON gomeko_panel_run (started_at);

CREATE INDEX gomeko_panel_run_job ON gomeko_panel_run (job) WHERE job <> '';
CREATE INDEX gomeko_panel_run_open ON gomeko_panel_run (seq) WHERE open = 1 AND lease_at = 0;
CREATE INDEX gomeko_panel_run_lease ON gomeko_panel_run (lease_at) WHERE open = 1 AND lease_at > 0;
CREATE INDEX gomeko_panel_run_owner ON gomeko_panel_run (owner) WHERE open = 1 AND lease_at > 0;
