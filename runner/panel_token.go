package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/panel/account"
)

func (p *panelCommand) addTokenCommand() *cobra.Command {
	var note string
	var days int
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Print a new token of a user, for gomeko panel run",
		Long: "Print a new token of a user, for gomeko panel run: with it a terminal or a program may do what the user may.\n\n" +
			"The token is printed once, and the database has a hash of it only. gomeko panel user tokens lists the tokens, and\n" +
			"gomeko panel user revoke ID revokes one. The tokens of a user who is disabled are refused, and a new password\n" +
			"deletes those of its user.",
		Args: exactly("a user", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if days < 1 {
				return usagef("--days %d: must be at least 1", days)
			}
			return p.edit(cmd.Context(), func(ctx context.Context, e *account.Editor) error {
				token, err := e.AddToken(ctx, args[0], note, time.Duration(days)*24*time.Hour)
				if err == nil {
					_, err = fmt.Fprintln(p.out, token)
				}
				return err
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "`TEXT` that says what the token is for")
	cmd.Flags().IntVar(&days, "days", 90, "`NUMBER` of days after which the token expires, at most 366")
	return cmd
}

// A shownToken is a token as JSON.
type shownToken struct {
	ID      string     `json:"id"`
	User    string     `json:"user"`
	Note    string     `json:"note,omitempty"`
	Created time.Time  `json:"created"`
	Expires time.Time  `json:"expires"`
	Used    *time.Time `json:"used,omitempty"`
	Address string     `json:"address,omitempty"`
}

func (p *panelCommand) listTokensCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tokens [NAME]",
		Short: "List the tokens of a user, or of all users",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := ""
			if len(args) == 1 {
				name = args[0]
			}
			return p.with(cmd.Context(), func(ctx context.Context, a *account.Accounts) error {
				tokens, err := a.Tokens(ctx, name)
				if err != nil {
					return err
				}
				return p.printTokens(tokens, asJSON)
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object for each token")
	return cmd
}

func (p *panelCommand) printTokens(tokens []account.Token, asJSON bool) error {
	if asJSON {
		all := make([]shownToken, len(tokens))
		for i, t := range tokens {
			all[i] = shownToken{t.ID, t.User, t.Note, t.Created, t.Expires, optional(t.Used), t.Address}
		}
		return printLines(p.out, all)
	}
	if len(tokens) == 0 {
		say(p.err, "there are no tokens: add one with gomeko panel user token NAME")
		return nil
	}
	t := newTable(p.out, "ID", "USER", "EXPIRES", "LAST USED", "FROM", "NOTE")
	for _, x := range tokens {
		expires := local(x.Expires, "")
		if !time.Now().Before(x.Expires) {
			expires = "expired"
		}
		t.row(x.ID, x.User, expires, local(x.Used, ""), x.Address, x.Note)
	}
	return t.flush()
}
