package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// A management is the management API of a broker.
type management struct{ base *url.URL }

func newManagement(uri string) (management, error) {
	base, err := url.Parse(uri)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return management{}, usagef("--management: must be http://USER:PASSWORD@HOST:PORT")
	}
	return management{base}, nil
}

// get decodes the response of the API at a path.
func (m management) get(ctx context.Context, path string, into any) error {
	_, err := m.Get(ctx, path, into)
	return err
}

// Get decodes the response of the API at a path, and returns its header. It implements
// [doctor.API].
func (m management) Get(ctx context.Context, path string, into any) (http.Header, error) {
	uri := m.base.JoinPath("api", path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = true // few requests are made
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%w: start a broker with its management API: `gomeko broker --management %s` or, for RabbitMQ, "+
			"`rabbitmq-plugins enable rabbitmq_management`", err, managementAddress)
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("%s: wrong user or password", uri.Redacted())
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", uri.Redacted(), response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return nil, fmt.Errorf("%s: %w", uri.Redacted(), err)
	}
	return response.Header, nil
}

// A managedQueue is a queue as the management API describes it. RabbitMQ updates the counts every 5
// s.
type managedQueue struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Messages  *int   `json:"messages"` // includes messages that wait for a missing target; nil if RabbitMQ has not counted yet
	Consumers *int   `json:"consumers"`
	Exclusive bool   `json:"exclusive"`
}

// queues returns the queues of a virtual host.
func (m management) queues(ctx context.Context, vhost string) (all []managedQueue, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusTime)
	defer cancel()
	err = m.get(ctx, "queues/"+url.PathEscape(vhost), &all)
	return all, err
}

// exampleManagement shows the form of a management API's URI in messages, which are masked.
const exampleManagement = "http://USER:PASSWORD@rabbitmq:15672"

// addManagement adds the flag --management. Without it, a command asks only running services.
func addManagement(cmd *cobra.Command, uri *string) {
	cmd.Flags().StringVar(uri, "management", "", "`URI` of the broker's management API, or @FILE to read it from a file, such as "+
		defaultManagement+" (default: "+managementVariable+" of the environment)")
}

// managementOf returns the management API named by the flag --management or the environment, and
// whether there is one.
func managementOf(flag string) (m management, named bool, err error) {
	uri, err := secretValue("--management", managementVariable, flag)
	if err != nil {
		return m, false, usageError{err}
	}
	if uri == "" {
		return m, false, nil
	}
	m, err = newManagement(cmp.Or(uri, defaultManagement))
	return m, true, err
}
