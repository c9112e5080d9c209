package panel

// These are the groups that users need for the pages about operations. As everywhere, a user must
// be in the group and in all groups above it: [SeeDead] needs operations and operations/dead. To
// change something on a page, a user also needs a group below that of the page. A superuser needs
// none.
const (
	// SeeServices shows services and their instances.
	SeeServices = "operations/services"

	// SeeQueues shows the number of messages in queues.
	SeeQueues = "operations/queues"

	// SeeDead shows dead letters, which are messages that were given up, and ChangeDead edits,
	// retries and drops them.
	SeeDead    = "operations/dead"
	ChangeDead = "operations/dead/change"

	// SeeTimers shows timers and periodic jobs, and ChangeTimers pauses and runs them.
	SeeTimers    = "operations/timers"
	ChangeTimers = "operations/timers/change"

	// SeeJobs shows the jobs of all services, and ChangeJobs cancels and retries them.
	SeeJobs    = "operations/jobs"
	ChangeJobs = "operations/jobs/change"

	// SeeResources shows which jobs hold a resource, and which wait for it.
	SeeResources = "operations/resources"

	// SeeHealth shows the health of processes and of their dependencies.
	SeeHealth = "operations/health"

	// SeeConfiguration shows the configuration of the panel, with secrets masked.
	SeeConfiguration = "operations/configuration"

	// SeeAudit shows the audit trail.
	SeeAudit = "operations/audit"

	// SeeAccounts shows users and groups, and ChangeAccounts changes them. Only superusers may
	// change superusers, and other users may add people only to groups that they are in themselves.
	SeeAccounts    = "operations/accounts"
	ChangeAccounts = "operations/accounts/change"
)
