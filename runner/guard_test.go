package runner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs"
	"github.com/gomeko/gomeko/panel/grant"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/transport"
)

// Gates has rows for people.
type Gates struct {
	_ service.Name `service:"gates"`

	Entrypoints struct {
		Open  rpc.Method `rpc:"open()" allow:"guards"`
		Paint jobs.Job   `jobs:"paint()" allow:"guards" retry:"1h"`
	}
}

func (*Gates) Open(ctx context.Context) (string, error) { return grant.From(ctx).User, nil }
func (*Gates) Paint(context.Context) error              { return nil }

// loaded writes a configuration file, and loads it.
func loaded(t *testing.T, text string) *settings {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := load(file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newKeys returns two keys of panels, and a file with the public keys of both.
func newKeys(t *testing.T) (key, second *grant.Key, file string) {
	t.Helper()
	key, err := grant.NewKey()
	second, secondErr := grant.NewKey()
	file = filepath.Join(t.TempDir(), "panel.pub")
	if err := errors.Join(err, secondErr, os.WriteFile(file, []byte(key.PublicPEM()+second.PublicPEM()), 0o600)); err != nil {
		t.Fatal(err)
	}
	return key, second, file
}

func sign(t *testing.T, key *grant.Key, g grant.Grant) string {
	t.Helper()
	g.User, g.Service, g.Issued = "ann", "gates", time.Now()
	if g.Job == "" {
		g.Expires = g.Issued.Add(time.Minute)
	}
	text, err := key.Sign(g)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestGrantKey configures keys of control panels directly and in a file.
func TestGrantKey(t *testing.T) {
	t.Parallel()
	key, second, file := newKeys(t)
	inline := "gomeko:\n  grant_key: |\n    " + strings.ReplaceAll(strings.TrimSpace(key.PublicPEM()), "\n", "\n    ") + "\n"
	for config, signs := range map[string][]*grant.Key{
		inline: {key}, "gomeko: {grant_key: '@" + file + "'}": {key, second},
	} {
		guard, err := loaded(t, config).guard()
		if err != nil {
			t.Fatal(err)
		}
		uri := brokertest.Embedded(t)
		hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Gates), guard)
		client := hosttest.Caller(t, transport.Config{URI: uri}, rpc.Config{}).Client("gates")
		if err := client.Call(t.Context(), "open", nil); !errors.Is(err, rpc.ErrUnauthorized) {
			t.Errorf("got %v, want %v", err, rpc.ErrUnauthorized)
		}
		for _, key := range signs {
			var user string
			ctx := grant.With(t.Context(), sign(t, key, grant.Grant{Row: "Open", Groups: []string{"guards"}}))
			if err := client.Call(ctx, "open", &user); err != nil || user != "ann" {
				t.Errorf("got %q, %v", user, err)
			}
		}
	}
}

// TestGrantKeyMistakes configures keys that cannot be read.
func TestGrantKeyMistakes(t *testing.T) {
	t.Parallel()
	key, _, file := newKeys(t)
	empty := filepath.Join(filepath.Dir(file), "empty")
	large := filepath.Join(filepath.Dir(file), "large")
	if err := errors.Join(os.WriteFile(empty, []byte("\n"), 0o600), os.WriteFile(large, make([]byte, maxFile+1), 0o600)); err != nil {
		t.Fatal(err)
	}
	for value, want := range map[string]string{
		"secret":           "gomeko.grant_key: grant keys: block 1 is not PEM: ",
		"'@" + "none'":     "gomeko.grant_key: open none: ",
		"'@" + empty + "'": "empty is empty: write the value there",
		"'@" + large + "'": "large has more than 65536 bytes",
		"|\n    " + strings.ReplaceAll(strings.TrimSpace(key.PEM()), "\n", "\n    "): "is a private key, which only the panel may have",
	} {
		s := loaded(t, "gomeko:\n  grant_key: "+value+"\n")
		_, err := s.guard()
		if err == nil || !strings.HasPrefix(err.Error(), s.file+": gomeko.grant_key: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", value, err, want)
		}
		if strings.Contains(err.Error(), strings.Split(key.PEM(), "\n")[1]) {
			t.Errorf("the error has the private key: %v", err)
		}
	}
}

// TestGrantIsHidden parks a refused job and looks at it.
func TestGrantIsHidden(t *testing.T) {
	t.Parallel()
	key, _, file := newKeys(t)
	guard, err := loaded(t, "gomeko: {grant_key: '@"+file+"'}").guard()
	if err != nil {
		t.Fatal(err)
	}
	uri := brokertest.Embedded(t)
	host := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Gates), guard)
	text := sign(t, key, grant.Grant{Row: "Paint", Job: "another", Arguments: grant.Hash(nil), Superuser: true})
	conn := hosttest.Dial(t, transport.Config{URI: uri})
	p := transport.Publishing{Exchange: "gomeko.jobs", Key: "gates.paint", Mandatory: true, Body: []byte(`{"args":[]}`)}
	p.ContentType, p.MessageID, p.Headers = "application/json", "7", transport.Table{"nameko.gomeko_grant": text}
	if err := conn.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	hosttest.Eventually(t, "the job is parked", func() bool {
		n, _, err := conn.Inspect(t.Context(), "gomeko.dead.gomeko.jobs.gates")
		return err == nil && n == 1
	})
	s := deadStage{t, uri, conn}
	shown, _ := s.run(0, "dead show gomeko.jobs.gates")
	if !strings.Contains(shown, `it is for job "another", and is used for job "7"`) || !strings.Contains(shown, `"nameko.gomeko_grant":`) {
		t.Errorf("got\n%s", shown)
	}
	listed, _ := s.run(0, "dead ls gomeko.jobs.gates")
	signature := text[strings.LastIndex(text, "."):]
	if strings.Contains(shown+listed+host.Log.String(), signature) {
		t.Errorf("the grant is shown:\n%s\n%s\n%s", shown, listed, host.Log)
	}
}
