package service_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"go.uber.org/fx"

	"github.com/gomeko/gomeko/di"
	"github.com/gomeko/gomeko/service"
)

// A Noter is an entrypoint whose calls use transactions. It looks up a Memory by this interface.
type Noter struct{}

// A Memory is what a Noter needs.
type Memory interface{ Known(tx any) error }

// A memory is a configuration value that implements Memory.
type memory struct{ known error }

func (m memory) Known(any) error { return m.known }

func (Noter) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	r.UseTransaction()
	_, err := r.Bind(r.Tag.Get("noter"))
	if _, ok := service.LookupImplementing[Memory](r.Host); !ok {
		err = errors.Join(err, errors.New("no memory"))
	}
	if all, ok := service.Lookup[triggers](r.Host); ok {
		all[r.Service+"."+r.Method] = r
	}
	return &nop{}, errors.Join(err, r.Tag.Keys("noter"))
}

// A Scribe works in transactions.
type Scribe struct {
	_ service.Name `service:"scribe"`

	Entrypoints struct {
		Write Noter `noter:"write"`
	}

	Note *note `inject:""`

	log *[]string
}

// A note is the transaction of a call.
type note struct{}

func (s *Scribe) Write(ctx context.Context) error {
	tx, called := service.Transaction(ctx)
	*s.log = append(*s.log, fmt.Sprint("write in ", tx, " ", called))
	return service.AfterCall(ctx, func(context.Context) error { *s.log = append(*s.log, "after"); return nil })
}

// TestOnce checks in the transaction of a call, before its method, whether the call ran before.
func TestOnce(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	for name, tc := range map[string]struct {
		known, want error
		log         []string
	}{
		"first":  {nil, nil, []string{"asked in tx", "write in tx true", "done <nil>", "after"}},
		"again":  {fmt.Errorf("17: %w", service.ErrDuplicate), nil, []string{"asked in tx", "done 17: the call ran before, and its work was committed"}},
		"failed": {full, full, []string{"asked in tx", "done full"}},
	} {
		t.Run(name, func(t *testing.T) {
			var log []string
			_, err := startScribe(t, &log, memory{tc.known})["scribe.Write"].Run(t.Context(), service.Request{Once: func(ctx context.Context) error {
				tx, _ := service.Transaction(ctx)
				log = append(log, fmt.Sprint("asked in ", tx))
				return tc.known
			}})
			if !errors.Is(err, tc.want) || !slices.Equal(log, tc.log) {
				t.Errorf("got %v, %q, want %v, %q", err, log, tc.want, tc.log)
			}
		})
	}
	if tx, called := service.Transaction(t.Context()); tx != nil || called {
		t.Errorf("outside of a call: got %v, %t", tx, called)
	}
	service.SetTransaction(t.Context(), "tx") // does nothing
	if _, err := service.New(service.Config{}, &Scribe{Note: &note{}}); err == nil {
		t.Error("a value was found that does not exist")
	}
}

// startScribe hosts a Scribe, and returns its row.
func startScribe(t *testing.T, log *[]string, m memory) triggers {
	t.Helper()
	scribe := fx.Module("scribe", service.Provide(&Scribe{log: log}), di.PerCall(func() di.Provider[*note] {
		return func(ctx context.Context) (*note, di.Done, error) {
			service.SetTransaction(ctx, "tx")
			return &note{}, func(err error) error { *log = append(*log, fmt.Sprint("done ", err)); return err }, nil
		}
	}))
	_, all := start(t, service.Config{}, scribe, service.Configure(m))
	return all
}
