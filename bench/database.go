package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// The databases by name.
const (
	postgreSQL = "PostgreSQL"
	sqLite     = "SQLite"
)

// databases are those of a session: files, and a PostgreSQL that is started when it is first asked
// for. Both sync each commit to the disk.
type databases struct {
	dir    string // with all files
	made   int
	server *exec.Cmd // nil until it is started
}

// get returns the URL of a fresh database.
func (d *databases) get(name string) (url string, err error) {
	if name == "" {
		return "", nil
	}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "gomeko-bench-databases"); err != nil {
			return "", err
		}
	}
	d.made++
	if name == sqLite {
		return fmt.Sprintf("sqlite:%s/jobs%d.db", d.dir, d.made), nil
	}
	if d.server == nil {
		if err := d.start(); err != nil {
			return "", err
		}
	}
	fresh := fmt.Sprintf("bench%d", d.made)
	conn, err := d.connect()
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	_, err = conn.Exec(context.Background(), "CREATE DATABASE "+fresh)
	return d.url(fresh), err
}

// url returns the URL of a database of the server.
func (d *databases) url(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=postgres", database, d.cluster())
}

// cluster returns the folder of the server.
func (d *databases) cluster() string { return filepath.Join(d.dir, "postgres") }

func (d *databases) connect() (*pgx.Conn, error) {
	return pgx.Connect(context.Background(), d.url("postgres"))
}

// start starts the server, and returns when it answers.
func (d *databases) start() error {
	if err := os.Chmod(d.dir, 0o755); err != nil { // the server may be another user's
		return err
	}
	if err := os.Mkdir(d.cluster(), 0o700); err != nil {
		return err
	}
	var output strings.Builder
	server := exec.Command("../scripts/postgres", "serve", d.cluster(), "-c", "fsync=on")
	server.Stdout, server.Stderr = &output, &output
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := server.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	for {
		if conn, err := d.connect(); err == nil {
			d.server = server
			return conn.Close(context.Background())
		}
		select {
		case err := <-ended:
			return fmt.Errorf("PostgreSQL does not start: %w\n%s", err, output.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close ends the server, and removes all files.
func (d *databases) close() {
	if d.server != nil {
		_ = d.server.Process.Signal(syscall.SIGQUIT)
		for { // until it serves no more
			conn, err := d.connect()
			if err != nil {
				break
			}
			conn.Close(context.Background())
			time.Sleep(10 * time.Millisecond)
		}
	}
	if d.dir != "" {
		os.RemoveAll(d.dir)
	}
}
