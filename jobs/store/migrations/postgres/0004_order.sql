-- Jobs that are unique, and jobs of a resource, which run one after the other.

-- What the rows of services say about their jobs: whoever enqueues a job reads it here.
CREATE TABLE gomeko_row (
	service    text NOT NULL,
	name       text NOT NULL,
	spec       text NOT NULL,          -- JSON
	version    text NOT NULL,          -- a hash of spec
	changed_at timestamptz NOT NULL,
	PRIMARY KEY (service, name)
);

ALTER TABLE gomeko_job
	ADD COLUMN version      text,      -- of gomeko_row, by which the columns below were computed; NULL if it has no such row
	ADD COLUMN unique_key   text,      -- NULL: not unique
	ADD COLUMN unique_until timestamptz, -- the key is held until then even if the job has ended; NULL: until it ends
	ADD COLUMN resource     text,      -- NULL: none
	ADD COLUMN pass         boolean NOT NULL DEFAULT false; -- others of the resource go first while it waits for its next attempt

-- One job holds a key.
CREATE UNIQUE INDEX gomeko_job_unique ON gomeko_job (service, name, unique_key)
	WHERE unique_key IS NOT NULL AND (finished_at IS NULL OR unique_until IS NOT NULL);

-- One job of a resource runs.
CREATE UNIQUE INDEX gomeko_job_holder ON gomeko_job (resource) WHERE state = 'running' AND resource IS NOT NULL;
-- The line of a resource: its jobs in order. Without seq > 0, which is always true, PostgreSQL would claim with this index
-- while it does not know yet that there are jobs with a resource.
CREATE INDEX gomeko_job_line ON gomeko_job (resource, seq) WHERE resource IS NOT NULL AND seq > 0
	AND (state IN ('queued', 'running') OR (state = 'scheduled' AND attempt > earlier AND NOT pass));

-- Claims of jobs without a resource, and of those with one.
DROP INDEX gomeko_job_claim;
DROP INDEX gomeko_job_claim_name;
DROP INDEX gomeko_job_nudge;
CREATE INDEX gomeko_job_claim ON gomeko_job (queue, priority DESC, run_at, seq) WHERE state = 'queued' AND resource IS NULL;
CREATE INDEX gomeko_job_claim_name ON gomeko_job (queue, name, priority DESC, run_at, seq) WHERE state = 'queued' AND resource IS NULL;
CREATE INDEX gomeko_job_claim_line ON gomeko_job (queue, name, resource) WHERE state = 'queued' AND resource IS NOT NULL;
CREATE INDEX gomeko_job_nudge ON gomeko_job (sweep_at) WHERE state = 'queued' AND resource IS NULL;
CREATE INDEX gomeko_job_nudge_line ON gomeko_job (sweep_at) WHERE state = 'queued' AND resource IS NOT NULL AND sweep_at IS NOT NULL;
