// Package certificate reads the certificates of servers from files, and reads them again when the
// files change: certificates are renewed while their processes run.
package certificate

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"
)

// every is the time between two looks at the files.
const every = time.Second

// A File is a certificate and its private key in files.
type File struct {
	cert, key string
	log       *slog.Logger

	mu sync.Mutex

	pair    *tls.Certificate
	read    [2]stamp  // of the files that were read last, also if they were refused
	checked time.Time // when the files were looked at last
}

// A stamp says whether a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

// Load reads the certificate chain and the private key from PEM files. Later changes are
// logged.
func Load(cert, key string, log *slog.Logger) (*File, error) {
	f := &File{cert: cert, key: key, log: log, checked: time.Now()}
	f.read = f.stamps()
	pair, err := tls.LoadX509KeyPair(cert, key)
	f.pair = &pair
	return f, err
}

// Get returns the certificate. If the files have changed and fit each other, it is the new one;
// otherwise it stays the old one, and a warning is logged. It is a GetCertificate of a tls.Config.
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
