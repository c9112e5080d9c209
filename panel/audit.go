package panel

import (
	"net/http"
	"strconv"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
	"github.com/gomeko/gomeko/panel/account"
)

const auditPath = operationsPath + "/audit"

// auditPages are the pages of the audit trail.
func auditPages() []page {
	return []page{{pattern: "GET " + auditPath, tab: "Audit trail", permission: SeeAudit, serve: showAudit}}
}

// An auditPage is the data of the page of the audit trail.
type auditPage struct {
	Actor, Action, Object string // the search
	Since                 string // a date
	Entries               []auditEntry
	Next                  string
	Fault                 string // what is wrong with the search
}

// An auditEntry is an entry of the audit trail.
type auditEntry struct {
	account.Entry

	Details string
}

func showAudit(v *visit) error {
	query := v.r.URL.Query()
	p := auditPage{Actor: clean(query.Get("actor")), Action: clean(query.Get("action")), Object: clean(query.Get("object")), Since: query.Get("since")}
	f := account.Filter{Actor: p.Actor, Action: p.Action, Object: p.Object, Limit: pageSize + 1}
	f.Before, _ = strconv.ParseInt(query.Get("before"), 10, 64)
	if p.Since != "" {
		var err error
		if f.Since, err = day(p.Since); err != nil {
			p.Fault = "Since must be a date, as in 2026-01-31."
		}
	}
	entries, err := v.cfg.Accounts.Entries(v.ctx(), f)
	if err != nil {
		return away(v.ctx(), err)
	}
	if len(entries) > pageSize {
		entries = entries[:pageSize]
		p.Next = link(auditPath, "actor", p.Actor, "action", p.Action, "object", p.Object, "since", p.Since,
			"before", strconv.FormatInt(entries[pageSize-1].Seq, 10))
	}
	for _, e := range entries {
		e.Failed, e.Object = clip.Text(secret.Mask(e.Failed), clip.Log), clip.Text(e.Object, clip.Log)
		e.Actor.Name, e.Actor.Address = clip.Text(e.Actor.Name, clip.Name), clip.Text(e.Actor.Address, clip.Name)
		p.Entries = append(p.Entries, auditEntry{e, clip.Text(indented(e.Details), clip.Log)})
	}
	return v.render(http.StatusOK, "audit.html", "Audit trail", p)
}
