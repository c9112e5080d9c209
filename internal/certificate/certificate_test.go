package certificate_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/certificate"
	"github.com/gomeko/gomeko/internal/hosttest"
)

// Changed files are loaded again. If they are broken, the certificate stays the same, and that is
// logged once.
func TestGet(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	changes := 0
	install := func(fromCert, fromKey string) {
		t.Helper()
		changes++
		for from, to := range map[string]string{fromCert: cert, fromKey: key} {
			text, err := os.ReadFile(from)
			if err == nil {
				err = os.WriteFile(to, text, 0o600)
			}
			if err == nil {
				at := time.Unix(int64(1_800_000_000+changes), 0)
				err = os.Chtimes(to, at, at)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	ca := brokertest.NewCA(t, "ca")
	firstCert, firstKey := ca.Issue(t, "first", "127.0.0.1")
	secondCert, secondKey := ca.Issue(t, "second", "127.0.0.1")
	thirdCert, _ := ca.Issue(t, "third", "127.0.0.1")
	install(firstCert, firstKey)
	log := new(hosttest.Log)
	synctest.Test(t, func(t *testing.T) {
		f, err := certificate.Load(cert, key, log.Logger())
		if err != nil {
			t.Fatal(err)
		}
		expect := func(want string) {
			t.Helper()
			time.Sleep(time.Second)
			if got := name(t, f); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		}
		expect("first")
		install(secondCert, secondKey)
		if got := name(t, f); got != "first" {
			t.Errorf("got %s within the second, want first", got)
		}
		expect("second")
		install(thirdCert, secondKey)
		expect("second")
		expect("second")
		if got := strings.Count(log.String(), "certificate not renewed"); got != 1 {
			t.Errorf("got %d warnings, want 1:\n%s", got, log)
		}
		os.Remove(key)
		expect("second")
		install(firstCert, firstKey)
		expect("first")
		if got := strings.Count(log.String(), "certificate renewed"); got != 2 {
			t.Errorf("got %d renewals, want 2:\n%s", got, log)
		}
	})
	if _, err := certificate.Load(thirdCert, firstKey, nil); err == nil {
		t.Error("got no error for a key of another certificate")
	}
}

// name returns the common name of the certificate.
func name(t *testing.T, f *certificate.File) string {
	t.Helper()
	pair, err := f.Get(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return leaf.Subject.CommonName
}
