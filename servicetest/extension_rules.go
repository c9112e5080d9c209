package servicetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/gomeko/gomeko/service"
)

// bind makes containers that are never started.
func (tr *trial) bind() error {
	for range 2 {
		if _, err := tr.make(); err != nil {
			return fmt.Errorf("service.New: must acquire nothing before Setup: %w", err)
		}
	}
	return nil
}

func (tr *trial) tag() error {
	const key = "servicetest_unknown"
	t := reflect.TypeOf(tr.proto)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("got a %T, want a pointer to the struct of a service", tr.proto)
	}
	table, ok := t.Elem().FieldByName("Entrypoints")
	if !ok {
		return errors.New("the service has no Entrypoints: give it a row of the extension")
	}
	var errs []error
	for i := range table.Type.NumField() {
		row := table.Type.Field(i)
		row.Tag = row.Tag + " " + key + `:"1"`
		_, err := tr.make(reflect.New(alone(row)).Interface())
		if err == nil || !strings.Contains(err.Error(), key) {
			errs = append(errs, fmt.Errorf("%s accepts an unknown key: join the error of Tag.Keys with the others", row.Type))
		}
	}
	return errors.Join(errs...)
}

// alone returns a service with one row and no method.
func alone(row reflect.StructField) reflect.Type {
	name := reflect.TypeFor[service.Name]()
	return reflect.StructOf([]reflect.StructField{
		{Name: "_", PkgPath: "servicetest", Type: name, Tag: `service:"alone"`},
		{Name: "Entrypoints", Type: reflect.StructOf([]reflect.StructField{row})},
	})
}

func (tr *trial) once() error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	const asked = 3
	for n := range asked {
		if err := s.succeed(n + 1); err != nil {
			return err
		}
	}
	return errors.Join(s.stop(), s.ran(asked))
}

func (tr *trial) outcome() error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	for _, bad := range []struct {
		name string
		act  act
	}{
		{"failed", func(context.Context) error { return errors.New("a failure that the test wants") }},
		{"failed as expected", func(context.Context) error { return expected{} }},
		{"panicked", func(context.Context) error { panic("a panic that the test wants") }},
	} {
		s.play(bad.act)
		n := s.calls()
		p := tr.ask(stepTimeout)
		err := s.began(n + 1)
		if result := p.result(); err == nil && errors.Is(result, errWaits) {
			err = result
		}
		s.play(nil)
		if err == nil {
			err = s.succeed(s.calls() + 1)
		}
		if err != nil { // if the container has ended, stop returns why
			return fmt.Errorf("a call that %s, and one after it: %w", bad.name, errors.Join(err, s.stop()))
		}
	}
	return s.stop()
}

func (tr *trial) busy() error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	open := s.hold()
	defer open()
	peers := make([]*peer, 4*workers)
	for i := range peers {
		peers[i] = tr.ask(stepTimeout)
	}
	err = s.began(1)
	<-time.After(pause) // the others find no free worker
	open()
	for _, p := range peers {
		err = errors.Join(err, p.result())
	}
	err = errors.Join(err, s.began(len(peers)), s.stop(), s.ran(len(peers)))
	if err != nil {
		return fmt.Errorf("%d provocations at once, %d workers: %w", len(peers), workers, err)
	}
	return nil
}

func (tr *trial) drain() error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	open := s.hold()
	defer open()
	running := tr.ask(3 * stepTimeout)
	if err := s.began(1); err != nil {
		return err
	}
	s.play(nil)
	stopped := async(s.stop)
	if err := s.refuses(); err != nil {
		return err
	}
	select {
	case err := <-stopped:
		return errors.Join(errors.New("the stop ended before a running call"), err)
	default:
	}
	open()
	if err := finished("a stop", stopped); err != nil {
		return err
	}
	if err := running.result(); err != nil {
		return fmt.Errorf("a call that ran when the stop began: %w", err)
	}
	return nil
}

// refuses provokes until no call begins.
func (s *stage) refuses() error {
	for range stepTimeout / pause {
		<-time.After(pause)
		before := s.calls()
		_ = s.trial.ask(pause).result() // any result is fine
		if s.calls() == before {
			return nil
		}
	}
	return errors.New("calls begin while the container stops: Stop must end the input")
}

func (tr *trial) kill() error {
	for _, end := range []struct {
		name string
		with func(*stage)
	}{
		{"a stop whose context ended", func(s *stage) {
			ctx, cancel := context.WithTimeout(context.Background(), pause)
			defer cancel()
			_ = s.Stop(ctx) // returns that a call was cut off
		}},
		{"a kill", func(s *stage) { s.Kill() }},
	} {
		if err := tr.cut(end.name, end.with); err != nil {
			return err
		}
		if err := tr.again(); err != nil { // it also receives what was returned to the source
			return fmt.Errorf("after %s, another container: %w", end.name, err)
		}
	}
	return nil
}

// cut ends a container in which a call hangs.
func (tr *trial) cut(name string, end func(*stage)) error {
	s, err := tr.start()
	if err != nil {
		return err
	}
	defer s.Kill()
	ended := make(chan error, 1)
	s.play(func(ctx context.Context) error {
		<-ctx.Done()
		ended <- nil
		return ctx.Err()
	})
	p := tr.ask(3 * stepTimeout)
	if err := s.began(1); err != nil {
		return err
	}
	s.play(nil)
	if err := finished(name, async(func() error { end(s); return nil })); err != nil {
		return err
	}
	p.hangUp()
	_ = p.result() // any result is fine
	return finished("a call whose context ended", ended)
}

func (tr *trial) unwind() error {
	for _, step := range []string{"set up", "start"} {
		s, err := tr.make(new(tripped), service.Configure(tripStep(step)))
		if err != nil {
			return err
		}
		err = finished("a start that failed", async(func() error { return s.Start(tr.ctx) }))
		switch {
		case errors.Is(err, errHangs):
			s.Kill()
			return fmt.Errorf("another extension failed to %s: %w: Stop is also called without Start", step, err)
		case !errors.Is(err, errTripped), strings.Contains(err.Error(), "\n"):
			return fmt.Errorf("another extension failed to %s: got %w, want only its error", step, err)
		}
	}
	return nil
}

// A tripRow makes an entrypoint that fails at the step of the tripStep.
type tripRow struct{}

type tripStep string

type tripped struct {
	_ service.Name `service:"tripped"`

	Entrypoints struct {
		Trip tripRow
	}
}

func (*tripped) Trip(context.Context) error { return nil }

func (tripRow) Entrypoint(r *service.Row) (service.Entrypoint, error) {
	_, err := r.Bind("trip")
	step, _ := service.Lookup[tripStep](r.Host)
	return step, err
}

var errTripped = errors.New("a failure that the test wants")

func (s tripStep) Setup(context.Context) error { return s.at("set up") }
func (s tripStep) Start(context.Context) error { return s.at("start") }
func (s tripStep) Stop(context.Context) error  { return nil }

func (s tripStep) at(step tripStep) error {
	if s == step {
		return errTripped
	}
	return nil
}

// expected is an error that callers are meant to handle.
type expected struct{}

func (expected) Error() string  { return "an expected failure that the test wants" }
func (expected) Expected() bool { return true }
