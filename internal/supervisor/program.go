package supervisor

// A Program is what a process runs.
type Program struct {
	Path          string
	Args, Environ []string
}
