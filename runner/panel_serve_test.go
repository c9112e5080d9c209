package runner

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// TestPanelServe serves the panel, with and without TLS, until the process is stopped.
func TestPanelServe(t *testing.T) {
	uri := brokertest.Embedded(t)
	ca := brokertest.NewCA(t, "authority")
	cert, key := ca.Issue(t, "panel", "127.0.0.1")
	authority, err := os.ReadFile(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AppendCertsFromPEM(authority)
	for name, x := range map[string]struct{ config, url string }{
		"plain": {"", `http://127\.0\.0\.1:\d+`},
		"tls":   {"gomeko: {panel: {tls_cert: " + cert + ", tls_key: " + key + ", title: Warehouse, proxies: [10.0.0.0/8], idle: 5m}}", `https://127\.0\.0\.1:\d+`},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			t.Setenv(panelVariable, "sqlite:"+filepath.Join(folder, "panel.db"))
			file := filepath.Join(folder, "config.yaml")
			if err := os.WriteFile(file, []byte(x.config), 0o600); err != nil {
				t.Fatal(err)
			}
			s := deadStage{t, uri, nil}
			if _, got := s.run(0, "panel user add ann --no-password"); got != "" {
				t.Fatal(got)
			}
			text, _ := s.run(0, "panel key --config "+file)
			if again, _ := s.run(0, "panel key --config "+file); !strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----") || text != again {
				t.Errorf("panel key: got\n%s%s", text, again)
			}

			reader, writer := io.Pipe()
			c := &command{in: os.Stdin, out: io.Discard, err: writer}
			root := c.gomeko()
			root.SetArgs([]string{"panel", "--listen", "127.0.0.1:0", "--broker", uri, "--config", file})
			root.SilenceUsage = true
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() {
				err := root.ExecuteContext(ctx)
				writer.CloseWithError(err)
				ended <- err
			}()
			found := make(chan string, 1)
			go func() {
				var said strings.Builder
				buffer := make([]byte, 1024)
				for {
					n, err := reader.Read(buffer)
					said.Write(buffer[:n])
					if at := regexp.MustCompile(`control panel on (` + x.url + `)\n`).FindStringSubmatch(said.String()); at != nil {
						select {
						case found <- at[1]:
						default:
						}
					}
					if err != nil {
						close(found)
						return
					}
				}
			}()
			address := hosttest.Next(t, found)
			client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, DisableKeepAlives: true}}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/login", nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("status %d", response.StatusCode)
			}
			stop()
			if err := hosttest.Next(t, ended); err != nil {
				t.Error(err)
			}
		})
	}
}
