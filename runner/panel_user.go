package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/panel/account"
)

// userCommand groups the commands about users.
func (p *panelCommand) userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Add, list and disable users, and choose their groups",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("panel user: name a command, as in gomeko panel user ls")
		},
	}
	cmd.AddCommand(p.addUserCommand(), p.listUsersCommand(), p.groupsCommand(), p.linkCommand(),
		p.userVerb("unlink", "Undo gomeko panel user link, also for users of a provider", func(ctx context.Context, e *account.Editor, name string) error {
			return e.Unlink(ctx, name)
		}),
		p.userVerb("passwd", "Set the password of a user", func(ctx context.Context, e *account.Editor, name string) error {
			password, err := p.password(name)
			if err != nil {
				return err
			}
			return e.SetPassword(ctx, name, password)
		}),
		p.userVerb("disable", "Forbid a user to log in and to do anything", func(ctx context.Context, e *account.Editor, name string) error {
			return e.Disable(ctx, name)
		}),
		p.userVerb("enable", "Undo gomeko panel user disable", func(ctx context.Context, e *account.Editor, name string) error {
			return e.Enable(ctx, name)
		}),
		p.addTokenCommand(), p.listTokensCommand(),
		p.userVerb("revoke", "Revoke a token, which is named by its ID", func(ctx context.Context, e *account.Editor, id string) error {
			return e.RevokeToken(ctx, id)
		}))
	return cmd
}

// userVerb returns a command that changes a user.
func (p *panelCommand) userVerb(verb, short string, do func(ctx context.Context, e *account.Editor, name string) error) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " NAME",
		Short: short,
		Args:  exactly("a user", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.edit(cmd.Context(), func(ctx context.Context, e *account.Editor) error { return do(ctx, e, args[0]) })
		},
	}
}

// linkCommand links a user to a login at an OpenID provider.
func (p *panelCommand) linkCommand() *cobra.Command {
	var issuer, subject string
	cmd := &cobra.Command{
		Use:   "link NAME --subject SUB",
		Short: "Have a user log in at the OpenID provider",
		Long: "Have a user log in at the OpenID provider, who was added here or comes from another provider.\n\n" +
			"SUB is what the provider calls the user: the claim sub of its tokens. After a login that was refused because the\n" +
			"name is taken, gomeko panel audit --action login --json has it. The user's sessions end.",
		Args: exactly("a user", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.configuration()
			if err != nil {
				return err
			}
			if issuer == "" && s.panelKeys.OIDC != nil {
				issuer = s.panelKeys.OIDC.Issuer
			}
			if issuer == "" || subject == "" {
				return usagef("panel user link: name the account: --subject SUB, and --issuer URL unless gomeko.panel.oidc.issuer is configured")
			}
			return p.edit(cmd.Context(), func(ctx context.Context, e *account.Editor) error { return e.Link(ctx, args[0], issuer, subject) })
		},
	}
	cmd.Flags().StringVar(&subject, "subject", "", "`SUB`, the claim sub of the user's tokens")
	cmd.Flags().StringVar(&issuer, "issuer", "", "`URL` of the provider (default: gomeko.panel.oidc.issuer)")
	return cmd
}

// exactly checks that a command has exactly the arguments named by words.
func exactly(what string, words ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(words) {
			return usagef("%s: name %s, as in %s %s", strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" "), what, cmd.CommandPath(), strings.Join(words, " "))
		}
		return nil
	}
}

func (p *panelCommand) addUserCommand() *cobra.Command {
	n := account.NewUser{}
	var groups []string
	var external bool
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a user",
		Long: "Add a user.\n\n" +
			"The password is asked for on a terminal, and read from the first line of stdin otherwise. It must have 12 to 128\n" +
			"characters. A group of --group is created if it does not exist, and so are those above it.",
		Args: exactly("a user", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if n.Name = args[0]; !external {
				if n.Password, err = p.password(n.Name); err != nil {
					return err
				}
			}
			return p.edit(cmd.Context(), func(ctx context.Context, e *account.Editor) error {
				if err := e.AddUser(ctx, n); err != nil {
					return err
				}
				for _, g := range groups {
					if err := errors.Join(e.AddGroup(ctx, g), e.Join(ctx, n.Name, g)); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&n.Superuser, "superuser", false, "may do everything")
	cmd.Flags().BoolVar(&external, "no-password", false, "cannot log in with a password")
	cmd.Flags().StringArrayVar(&groups, "group", nil, "`PATH` of a group to put the user into; may be repeated")
	return cmd
}

// A shownUser is a user as JSON.
type shownUser struct {
	Name      string     `json:"name"`
	Superuser bool       `json:"superuser"`
	Groups    []string   `json:"groups"`
	Created   time.Time  `json:"created"`
	Disabled  *time.Time `json:"disabled,omitempty"`
	LastLogin *time.Time `json:"last_login,omitempty"`
	Issuer    string     `json:"issuer,omitempty"`
	Subject   string     `json:"subject,omitempty"`
}

func (p *panelCommand) listUsersCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List users",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd.Context(), func(ctx context.Context, a *account.Accounts) error {
				users, err := a.Users(ctx)
				if err != nil {
					return err
				}
				if asJSON {
					return printLines(p.out, shown(users))
				}
				if len(users) == 0 {
					say(p.err, "there are no users: add one with gomeko panel user add NAME")
					return nil
				}
				t := newTable(p.out, "USER", "STATE", "LAST LOGIN", "GROUPS")
				for _, u := range users {
					t.row(u.Name, state(u), local(u.LastLogin, ""), strings.Join(u.Groups, " "))
				}
				return t.flush()
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each user")
	return cmd
}

// state returns the state of a user for the table.
func state(u *account.User) string {
	switch {
	case !u.Disabled.IsZero():
		return "disabled"
	case u.Superuser:
		return "superuser"
	}
	return ""
}

func shown(users []*account.User) []shownUser {
	all := make([]shownUser, len(users))
	for i, u := range users {
		all[i] = shownUser{u.Name, u.Superuser, append([]string{}, u.Groups...), u.Created, optional(u.Disabled), optional(u.LastLogin), u.Issuer, u.Subject}
	}
	return all
}

// optional returns a time for JSON, or nil for the zero time.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (p *panelCommand) groupsCommand() *cobra.Command {
	var join, leave []string
	cmd := &cobra.Command{
		Use:   "groups NAME",
		Short: "Show the groups of a user, put the user into groups, or take the user out of them",
		Args:  exactly("a user", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd.Context(), func(ctx context.Context, a *account.Accounts) error {
				e := a.As(operator())
				for _, path := range join {
					if err := e.Join(ctx, args[0], path); err != nil {
						return err
					}
				}
				for _, path := range leave {
					if err := e.Leave(ctx, args[0], path); err != nil {
						return err
					}
				}
				u, err := a.User(ctx, args[0])
				if err != nil {
					return err
				}
				return p.printGroups(u)
			})
		},
	}
	cmd.Flags().StringArrayVar(&join, "add", nil, "put the user into the group `PATH` and those above it; may be repeated")
	cmd.Flags().StringArrayVar(&leave, "remove", nil, "take the user out of the group `PATH` only, which locks what the user has below it; may be repeated")
	return cmd
}

// printGroups prints the groups of a user, marking those that the user cannot use.
func (p *panelCommand) printGroups(u *account.User) error {
	for _, g := range u.Groups {
		line := g
		if m := u.Missing(g); m != "" && m != g {
			line += "  locked: not in " + m
		}
		if _, err := fmt.Fprintln(p.out, line); err != nil {
			return err
		}
	}
	return nil
}

// ignoreEOF returns err, or nil for io.EOF.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
