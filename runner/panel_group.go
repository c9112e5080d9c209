package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/printable"
	"github.com/gomeko/gomeko/panel/account"
)

// groupCommand groups the commands about groups.
func (p *panelCommand) groupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "group",
		Short: "Add, remove and list groups",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("panel group: name a command, as in gomeko panel group tree")
		},
	}
	cmd.AddCommand(p.treeCommand(),
		p.groupVerb("add", "Add a group and those above it", func(ctx context.Context, e *account.Editor, path string) error {
			return e.AddGroup(ctx, path)
		}),
		p.groupVerb("rm", "Remove a group and those below it, with their members", func(ctx context.Context, e *account.Editor, path string) error {
			return e.RemoveGroup(ctx, path)
		}))
	return cmd
}

// groupVerb returns a command that changes a group.
func (p *panelCommand) groupVerb(verb, short string, do func(ctx context.Context, e *account.Editor, path string) error) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " PATH",
		Short: short,
		Args:  exactly("a group", "control_panel/dashboard"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.edit(cmd.Context(), func(ctx context.Context, e *account.Editor) error { return do(ctx, e, args[0]) })
		},
	}
}

// A shownGroup is a group as JSON.
type shownGroup struct {
	Path    string    `json:"path"`
	Members []string  `json:"members"`
	Created time.Time `json:"created"`
}

func (p *panelCommand) treeCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tree",
		Short: "List groups with their members",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(ctx context.Context, a *account.Accounts) error {
				groups, err := a.Groups(ctx)
				if err != nil {
					return err
				}
				if !asJSON && len(groups) == 0 {
					say(p.err, "there are no groups: add one with gomeko panel group add PATH")
				}
				lines := json.NewEncoder(p.out)
				for _, g := range groups {
					if asJSON {
						err = lines.Encode(shownGroup{g.Path, append([]string{}, g.Members...), g.Created})
					} else {
						_, err = fmt.Fprintln(p.out, branch(g))
					}
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each group")
	return cmd
}

// branch returns a group as a line of the tree.
func branch(g account.Group) string {
	above, name := strings.Count(g.Path, "/"), g.Path[strings.LastIndex(g.Path, "/")+1:]
	line := strings.Repeat("  ", above) + name
	if len(g.Members) > 0 {
		line += ": " + strings.Join(g.Members, " ")
	}
	return printable.Text(line)
}

// A shownEntry is an entry of the audit trail as JSON.
type shownEntry struct {
	Seq     int64          `json:"seq"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Address string         `json:"address"`
	Action  string         `json:"action"`
	Object  string         `json:"object"`
	Details map[string]any `json:"details"`
	Failed  string         `json:"failed,omitempty"`
}

func (p *panelCommand) auditCommand() *cobra.Command {
	var f account.Filter
	var since time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who has done what, the latest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since > 0 {
				f.Since = time.Now().Add(-since)
			}
			return p.with(cmd.Context(), func(ctx context.Context, a *account.Accounts) error {
				entries, err := a.Entries(ctx, f)
				if err != nil {
					return err
				}
				if asJSON {
					all := make([]shownEntry, len(entries))
					for i, x := range entries {
						all[i] = shownEntry{x.Seq, x.At, x.Actor.Name, x.Actor.Address, x.Action, x.Object, x.Details, x.Failed}
					}
					return printLines(p.out, all)
				}
				return p.printAudit(entries)
			})
		},
	}
	cmd.Flags().StringVar(&f.Actor, "actor", "", "`NAME` of who did it")
	cmd.Flags().StringVar(&f.Action, "action", "", "`ACTION`, as login or user.add")
	cmd.Flags().StringVar(&f.Object, "object", "", "`NAME` of what it was done to, as a user or a group")
	cmd.Flags().DurationVar(&since, "since", 0, "how long ago the earliest was, as a `DURATION`; 0 is without limit")
	cmd.Flags().IntVar(&f.Limit, "limit", 100, "show the latest `N`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each entry")
	return cmd
}

func (p *panelCommand) printAudit(entries []account.Entry) error {
	t := newTable(p.out, "AT", "WHO", "FROM", "DID", "TO", "DETAILS", "FAILED")
	for _, x := range entries {
		details := ""
		if len(x.Details) > 0 {
			text, err := json.Marshal(x.Details)
			if err != nil {
				return err
			}
			details = string(text)
		}
		t.row(local(x.At, ""), x.Actor.Name, x.Actor.Address, x.Action, x.Object, shortened(details), shortened(x.Failed))
	}
	return t.flush()
}
