package runner

import (
	"bufio"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/postgres"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/internal/sqlite"
	"github.com/gomeko/gomeko/panel/account"
)

// panelSettings are the keys under gomeko.panel.
type panelSettings struct {
	Database  string        `yaml:"database"` // sqlite:FILE or a URL of PostgreSQL; "" is the default
	Listen    string        `yaml:"listen"`
	URL       string        `yaml:"url"`
	TLSCert   string        `yaml:"tls_cert"`
	TLSKey    string        `yaml:"tls_key"`
	Proxies   []string      `yaml:"proxies"`
	Title     string        `yaml:"title"`
	Templates string        `yaml:"templates"` // a folder
	GrantKey  string        `yaml:"grant_key"` // a file
	Idle      time.Duration `yaml:"idle"`
	Lifetime  time.Duration `yaml:"lifetime"`
	OIDC      *oidcSettings `yaml:"oidc"` // nil is none
}

// Validate checks the keys. It is called after decoding.
func (p *panelSettings) Validate() error { return checkDatabase(p.Database) }

// checkDatabase returns an error unless uri names a database.
func checkDatabase(uri string) error {
	file, isFile := strings.CutPrefix(uri, sqliteScheme)
	if uri == "" || isFile && file != "" || isPostgres(uri) {
		return nil
	}
	return fmt.Errorf("database: must be sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE, not %q", secret.Mask(uri))
}

const (
	// panelVariable is the environment variable for the key gomeko.panel.database and the flag
	// --database.
	panelVariable = "GOMEKO_PANEL_DATABASE"

	// panelFile is the SQLite file, next to the configuration, that is used if no database is
	// named.
	panelFile = "gomeko-panel.db"
)

// A panelCommand holds what the commands about the accounts of the control panel share.
type panelCommand struct {
	*command

	database string // --database
}

// panelCommand groups the commands about the accounts of the control panel.
func (c *command) panelCommand() *cobra.Command {
	p := &panelCommand{command: c}
	var listen string
	cmd := &cobra.Command{
		Use:   "panel",
		Short: "Serve the control panel; manage its users, groups, and audit trail",
		Long: "Serve the control panel: a web page from which people run rows of services with the key allow. The commands below\n" +
			"manage who may do what.\n\n" +
			"A group is a path, as control_panel/dashboard. To do something with the path of a group, a user must be in this\n" +
			"group and in all groups above it. A superuser may do everything.\n\n" +
			"The accounts are in the database of --database, else " + panelVariable + " of the environment, else\n" +
			"gomeko.panel.database of the configuration, else the file " + panelFile + " beside the configuration.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.servePanel(cmd.Context(), listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "`ADDRESS` to serve the panel on (default: gomeko.panel.listen of the configuration, else "+panelAddress+")")
	cmd.PersistentFlags().StringVar(&p.database, "database", "", "`URI` of the database: sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE, or @FILE to read it from a file")
	cmd.AddCommand(p.userCommand(), p.groupCommand(), p.auditCommand(), p.keyCommand(), p.runCommand())
	return cmd
}

// with opens the accounts and calls do.
func (p *panelCommand) with(ctx context.Context, do func(context.Context, *account.Accounts) error) error {
	s, err := p.configuration()
	if err != nil {
		return err
	}
	return p.withDatabase(ctx, s, func(ctx context.Context, a *account.Accounts, _ *sql.DB, _ account.Dialect) error { return do(ctx, a) })
}

// withDatabase opens the accounts and calls do with them and their database.
func (p *panelCommand) withDatabase(ctx context.Context, s *settings, do func(context.Context, *account.Accounts, *sql.DB, account.Dialect) error) error {
	uri, err := secretValue("--database", panelVariable, p.database)
	if err == nil {
		uri = cmp.Or(uri, s.panelKeys.Database, sqliteScheme+filepath.Join(filepath.Dir(s.file), panelFile))
		err = checkDatabase(uri)
	}
	if err != nil {
		return usageError{err}
	}
	var db *sql.DB
	dialect, name := account.PostgreSQL, ""
	if file, ok := strings.CutPrefix(uri, sqliteScheme); ok {
		dialect = account.SQLite
		db, name, err = sqlite.Connect(ctx, file)
	} else {
		db, name, err = postgres.Connect(ctx, uri)
	}
	if err != nil {
		return err
	}
	defer db.Close()
	accounts, err := account.Open(ctx, db, dialect)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return do(ctx, accounts, db, dialect)
}

// edit opens the accounts and calls do with an editor that acts as this host's user.
func (p *panelCommand) edit(ctx context.Context, do func(context.Context, *account.Editor) error) error {
	return p.with(ctx, func(ctx context.Context, a *account.Accounts) error { return do(ctx, a.As(operator())) })
}

// operator is the user of this host, as recorded in the audit trail.
func operator() account.Actor {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return account.Actor{Name: name + "@" + host, Address: "command line"}
}

// password asks for a password, on a terminal twice. Otherwise it reads a line of stdin.
func (p *panelCommand) password(name string) (string, error) {
	if !isTerminal(p.in) {
		line, err := bufio.NewReader(p.in).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", usageError{errors.Join(errors.New("stdin has no password: write it as one line, or type it on a terminal"), ignoreEOF(err))}
		}
		return line, nil
	}
	terminal := liner.NewLiner()
	defer terminal.Close()
	first, err := terminal.PasswordPrompt("Password for " + name + ": ")
	if err != nil {
		return "", err
	}
	second, err := terminal.PasswordPrompt("Again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ: nothing was changed")
	}
	return first, err
}
