package topology

import (
	"errors"
	"strings"

	"github.com/gomeko/gomeko/transport"
)

// preconditionFailed is the broker's reply code if something with this name exists with other
// flags.
const preconditionFailed = 406

// Explain returns err, the error of a declaration. If an exchange of events differs in whether it
// is deleted with its last queue, the error names the configuration key to change.
func Explain(err error) error {
	var refused *transport.Error
	if !errors.As(err, &refused) || refused.Code != preconditionFailed ||
		!strings.Contains(refused.Text, "inequivalent arg 'auto_delete' for exchange '") || !strings.Contains(refused.Text, ".events' in vhost ") {
		return err
	}
	remedy := "other services declare it as Nameko 2.13 and later do: remove AUTO_DELETE_EVENT_EXCHANGES (events.Config.AutoDelete)"
	if strings.Contains(refused.Text, "current is 'true'") {
		remedy = "other services declare it as Nameko 2.12 and older and 3.0.0rc do: set AUTO_DELETE_EVENT_EXCHANGES: true (events.Config.AutoDelete)"
	}
	text := strings.Replace(err.Error(), refused.Remedy, remedy, 1)
	refused.Remedy = remedy
	return &explained{text, err}
}

// An explained is an error whose text has another remedy than the error that it wraps.
type explained struct {
	text string
	err  error
}

func (e *explained) Error() string { return e.text }
func (e *explained) Unwrap() error { return e.err }
