package runner

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/internal/printable"
)

const (
	managementAddress = "127.0.0.1:15672"
	defaultManagement = "http://guest:guest@" + managementAddress

	// statusTime limits the requests to the management API.
	statusTime = 10 * time.Second
)

func (c *command) statusCommand() *cobra.Command {
	var uri string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print the queues, consumers and connections of a broker, also of RabbitMQ",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), statusTime)
			defer cancel()
			uri, err := secretValue("--management", managementVariable, uri)
			if err != nil {
				return usageError{err}
			}
			api, err := newManagement(cmp.Or(uri, defaultManagement))
			if err != nil {
				return err
			}
			s, err := api.status(ctx)
			if err != nil {
				return err
			}
			return s.print(c.out)
		},
	}
	cmd.Flags().StringVar(&uri, "management", "", "`URI` of the broker's management API, or @FILE to read it from a file (default: "+
		managementVariable+" of the environment, else "+defaultManagement+")")
	return cmd
}

// A status is the state of a broker.
type status struct {
	overview struct {
		Product string `json:"product_name"`
		Version string `json:"rabbitmq_version"`
		Node    string `json:"node"`
	}
	queues []struct {
		VHost     string `json:"vhost"`
		Name      string `json:"name"`
		Type      string `json:"type"`
		State     string `json:"state"`
		Ready     *int   `json:"messages_ready"` // nil if RabbitMQ has not counted yet
		Unacked   *int   `json:"messages_unacknowledged"`
		Consumers *int   `json:"consumers"`
	}
	consumers []struct {
		Queue struct {
			VHost string `json:"vhost"`
			Name  string `json:"name"`
		} `json:"queue"`
		Tag      string  `json:"consumer_tag"`
		Prefetch int     `json:"prefetch_count"`
		Ack      bool    `json:"ack_required"`
		Channel  channel `json:"channel_details"`
	}
	connections []struct {
		VHost    string `json:"vhost"`
		Name     string `json:"name"`
		Given    string `json:"user_provided_name"`
		User     string `json:"user"`
		State    string `json:"state"`
		Channels int    `json:"channels"`
	}
}

// A channel is the channel of a consumer.
type channel struct {
	Name string `json:"name"`
}

// UnmarshalJSON also accepts an empty list, which RabbitMQ writes for a channel that it knows
// nothing about.
func (c *channel) UnmarshalJSON(data []byte) error {
	if string(data) == "[]" {
		return nil
	}
	type plain channel
	return json.Unmarshal(data, (*plain)(c))
}

func (m management) status(ctx context.Context) (*status, error) {
	s := new(status)
	for _, part := range []struct {
		path string
		into any
	}{{"overview", &s.overview}, {"queues", &s.queues}, {"consumers", &s.consumers}, {"connections", &s.connections}} {
		if err := m.get(ctx, part.path, part.into); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// print writes the status as tables.
func (s *status) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(cells ...string) {
		for i, cell := range cells {
			cells[i] = printable.Text(cell) // a newline in a name would imitate a row
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")) // Flush returns the error
	}
	table := func(title string, columns ...string) {
		_, _ = fmt.Fprintln(w)
		row(title)
		row(columns...)
	}
	product := s.overview.Product
	if product != "RabbitMQ" {
		product += ", as RabbitMQ"
	}
	row(fmt.Sprintf("%s %s, node %s", product, s.overview.Version, s.overview.Node))

	table(fmt.Sprintf("queues: %d", len(s.queues)), "VHOST", "QUEUE", "TYPE", "STATE", "READY", "UNACKED", "CONSUMERS")
	for _, q := range s.queues {
		row(q.VHost, q.Name, q.Type, q.State, count(q.Ready), count(q.Unacked), count(q.Consumers))
	}
	table(fmt.Sprintf("consumers: %d", len(s.consumers)), "VHOST", "QUEUE", "TAG", "PREFETCH", "ACK", "CHANNEL")
	for _, c := range s.consumers {
		row(c.Queue.VHost, c.Queue.Name, c.Tag, strconv.Itoa(c.Prefetch), strconv.FormatBool(c.Ack), c.Channel.Name)
	}
	table(fmt.Sprintf("connections: %d", len(s.connections)), "VHOST", "CONNECTION", "USER", "STATE", "CHANNELS", "CLIENT")
	for _, c := range s.connections {
		row(c.VHost, c.Name, c.User, c.State, strconv.Itoa(c.Channels), c.Given)
	}
	return w.Flush()
}

// count formats a number, and nil as a dash.
func count(n *int) string {
	if n == nil {
		return "-"
	}
	return strconv.Itoa(*n)
}
