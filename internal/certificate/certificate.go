// Package certificate loads server certificates from files, and reloads them when the files change,
// because certificates are renewed while processes run.
package certificate

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// every is how often the files are checked.
const every = time.Second

// A File is a certificate and its private key, loaded from files.
type File struct {
	cert, key string
	log       *slog.Logger

	mu sync.Mutex

	pair    *tls.Certificate
	read    [2]stamp  // of the files that were last read, even if they were rejected
	checked time.Time // when the files were last checked
}

// A stamp identifies a version of a file.
type stamp struct {
	at   time.Time
	size int64
}

// Load loads the certificate chain and the private key from PEM files. Later reloads are logged to
// log.
func Load(cert, key string, log *slog.Logger) (*File, error) {
	f := &File{cert: cert, key: key, log: log, checked: time.Now()}
	f.read = f.stamps()
	pair, err := tls.LoadX509KeyPair(cert, key)
	f.pair = &pair
	return f, err
}

// Get returns the certificate. If the files have changed, it loads the new certificate; if that
// fails, it logs a warning and keeps the old one. It can be used as the GetCertificate of a
// tls.Config.
func (f *File) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) < every {
		return f.pair, nil
	}
	f.checked = time.Now()
	now := f.stamps()
	if now == f.read {
		return f.pair, nil
	}
	f.read = now
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		f.log.Warn("certificate not renewed: the files have changed, and the new ones cannot be used", "cert", f.cert, "key", f.key, "err", err)
		return f.pair, nil
	}
	f.pair = &pair
	f.log.Info("certificate renewed", "cert", f.cert, "expires", pair.Leaf.NotAfter)
	return f.pair, nil
}

// stamps returns the stamps of the files. A missing file has the zero stamp.
func (f *File) stamps() (s [2]stamp) {
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			s[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return s
}
