package service

import "context"

// A Runner runs one call; [FromContext] tells which.
type Runner func(ctx context.Context) (any, error)

// A Middleware wraps every call of a container: it may act before and after, change
// the result, or not run next at all. It is called once for each row, at start.
type Middleware func(next Runner) Runner
