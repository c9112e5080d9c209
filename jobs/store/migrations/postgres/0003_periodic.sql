-- The rows of services whose jobs are inserted at the times of a cron expression.
CREATE TABLE gomeko_periodic (
	service    text NOT NULL,
	name       text NOT NULL,        -- of the job
	field      text NOT NULL,        -- the row of the service's table
	queue      text NOT NULL,
	schedule   text NOT NULL,        -- as the process says that has registered it last
	zone       text NOT NULL,
	missed     text NOT NULL,        -- once, all, skip
	overlap    text NOT NULL,        -- skip, allow, queue
	terms      text NOT NULL,        -- JSON: version, key and resource of the jobs
	paused     boolean NOT NULL DEFAULT false,
	last_at    timestamptz NOT NULL, -- the last tick that was decided; before the first one, when it was registered
	job        text NOT NULL DEFAULT '', -- the id of the last job
	PRIMARY KEY (service, name)
);
