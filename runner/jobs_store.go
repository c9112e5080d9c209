package runner

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/jobs/postgres"
	"github.com/gomeko/gomeko/jobs/sqlite"
	"github.com/gomeko/gomeko/jobs/store"
)

// jobsSettings are the keys under gomeko.jobs.
type jobsSettings struct {
	Store   string        `yaml:"store"` // sqlite:FILE, a URL of PostgreSQL or none; "" is the default
	Keep    time.Duration `yaml:"keep" config:"none"`
	Migrate bool          `yaml:"migrate"`
}

const (
	// storeVariable is the environment variable for the key gomeko.jobs.store and the flag --store.
	storeVariable = "GOMEKO_JOBS_STORE"

	// storeFile is the SQLite file, next to the configuration, that processes with an embedded
	// broker use.
	storeFile = "gomeko-jobs.db"

	sqliteScheme = "sqlite:"
	noStore      = "none"
)

// Validate checks the keys. It is called after decoding.
func (j *jobsSettings) Validate() error { return checkStore(j.Store) }

// checkStore returns an error unless uri names a store.
func checkStore(uri string) error {
	file, isFile := strings.CutPrefix(uri, sqliteScheme)
	switch {
	case uri == "", uri == noStore, isFile && file != "", isPostgres(uri):
		return nil
	}
	return fmt.Errorf("store: must be sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE or none, not %q", secret.Mask(uri))
}

func isPostgres(uri string) bool {
	return strings.HasPrefix(uri, "postgres://") || strings.HasPrefix(uri, "postgresql://")
}

// storeURI returns the store named by named, the environment or the configuration, or "".
func (s *settings) storeURI(named string) (string, error) {
	uri, err := secretValue("--store", storeVariable, named)
	if err != nil {
		return "", usageError{err}
	}
	uri = cmp.Or(uri, s.jobsKeys.Store)
	return uri, checkStore(uri)
}

// storeBeside returns the file of the default store.
func (s *settings) storeBeside() string { return filepath.Join(filepath.Dir(s.file), storeFile) }

// jobs returns the configuration of jobs. If no store is named, it is a file for an embedded
// broker, and none otherwise.
func (s *settings) jobs(embedded bool) (jobs.Config, error) {
	cfg := jobs.Config{Keep: s.jobsKeys.Keep}
	uri, err := s.storeURI("")
	if uri == "" && embedded {
		uri = sqliteScheme + s.storeBeside()
	}
	if err != nil || uri == "" || uri == noStore {
		return cfg, err
	}
	cfg.Open = func(ctx context.Context) (*store.Store, error) { return openStore(ctx, uri, s.jobsKeys.Migrate) }
	return cfg, nil
}

// openStore opens a store. It creates or migrates the tables of a SQLite file, which belongs to
// this host. It does so in PostgreSQL only if migrate is set; otherwise tables of another version
// are an error.
func openStore(ctx context.Context, uri string, migrate bool) (*store.Store, error) {
	s, err := connectStore(ctx, uri)
	if err != nil {
		return nil, err
	}
	if migrate || !isPostgres(uri) {
		_, _, err = s.Migrate(ctx)
	} else {
		err = s.Check(ctx)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// connectStore opens a store without checking its tables.
func connectStore(ctx context.Context, uri string) (*store.Store, error) {
	if file, ok := strings.CutPrefix(uri, sqliteScheme); ok {
		return sqlite.Open(ctx, file)
	}
	return postgres.Open(ctx, uri)
}

// storeOfJobs opens the store for a command. It returns nil if none is named and the default file
// does not exist.
func (s *settings) storeOfJobs(ctx context.Context, named string, open func(ctx context.Context, uri string) (*store.Store, error)) (*store.Store, error) {
	uri, err := s.storeURI(named)
	if uri == "" && err == nil {
		if _, missing := os.Stat(s.storeBeside()); missing == nil {
			uri = sqliteScheme + s.storeBeside()
		}
	}
	if err != nil || uri == "" || uri == noStore {
		return nil, err
	}
	return open(ctx, uri)
}
