package panel

// The groups that the pages about operations need. As everywhere, whoever uses a page is in its
// group and in all groups above it: [SeeDead] needs operations and operations/dead. To change
// something on a page, a user needs another group, below that of the page. A superuser needs none.
const (
	// SeeServices shows services and their instances.
	SeeServices = "operations/services"

	// SeeQueues shows how much waits in queues.
	SeeQueues = "operations/queues"

	// SeeDead shows messages that have failed for good, and ChangeDead edits, retries and drops them.
	SeeDead    = "operations/dead"
	ChangeDead = "operations/dead/change"

	// SeeTimers shows timers and periodic jobs, and ChangeTimers pauses and runs them.
	SeeTimers    = "operations/timers"
	ChangeTimers = "operations/timers/change"

	// SeeJobs shows the jobs of all services, and ChangeJobs cancels and retries them.
	SeeJobs    = "operations/jobs"
	ChangeJobs = "operations/jobs/change"

	// SeeResources shows which jobs run of a resource, and which wait for it.
	SeeResources = "operations/resources"

	// SeeHealth shows what processes say about themselves and what they depend on.
	SeeHealth = "operations/health"

	// SeeConfiguration shows the configuration of the panel, with secrets masked.
	SeeConfiguration = "operations/configuration"

	// SeeAudit shows who has done what.
	SeeAudit = "operations/audit"

	// SeeAccounts shows users and groups, and ChangeAccounts changes them. Superusers are changed by
	// superusers only, and others give only groups that they are in.
	SeeAccounts    = "operations/accounts"
	ChangeAccounts = "operations/accounts/change"
)
