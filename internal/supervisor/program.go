package supervisor

// A Program says what a process runs.
type Program struct {
	Path          string
	Args, Environ []string
}
