//go:build unix

package isolate_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"github.com/gomeko/gomeko/rpc/rpcerror"
	"github.com/gomeko/gomeko/service"
)

// Lab has methods that fail in all ways.
type Lab struct {
	_ service.Name `service:"lab"`

	Entrypoints struct {
		Echo     Button `button:"echo(text)" isolate:"process"`
		Direct   Button `button:"direct(text)"`
		Loop     Button `button:"loop" isolate:"process" timeout:"300ms"`
		Deadlock Button `button:"deadlock" isolate:"process" timeout:"300ms"`
		Freeze   Button `button:"freeze" isolate:"process" timeout:"300ms"`
		Polite   Button `button:"polite" isolate:"process" timeout:"300ms"`
		Allocate Button `button:"allocate" isolate:"process" memory:"128MiB" timeout:"1m"`
		Break    Button `button:"break_(how)" isolate:"process" timeout:"20s" max_workers:"1"`
		Print    Button `button:"print_" isolate:"process"`
		Fail     Button `button:"fail(how)" isolate:"process"`
		Spawn    Button `button:"spawn" isolate:"process" timeout:"1s"`
		Nap      Button `button:"nap" method:"Spawn" isolate:"process" timeout:"1m"`
		Ask      Button `button:"ask" isolate:"process"`
		Tell     Button `button:"tell" isolate:"process"`
		Sum      Button `button:"sum(a, b=2, *rest, **more)" isolate:"process"`
	}
}

func newLab() *Lab { return new(Lab) }

func (*Lab) Echo(_ context.Context, text string) (string, error) { return text, nil }

func (*Lab) Direct(_ context.Context, text string) (string, error) { return text, nil }

func (*Lab) Loop(context.Context) error {
	for { //nolint:staticcheck // the CPU is what it is about
	}
}

func (*Lab) Deadlock(context.Context) error {
	var mu sync.Mutex
	mu.Lock()
	mu.Lock()
	return nil
}

func (*Lab) Freeze(context.Context) error {
	_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	select {}
}

func (*Lab) Polite(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func (*Lab) Allocate(context.Context) (int, error) {
	var all [][]byte
	for {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
		if len(all) > 4<<10 {
			return len(all), nil
		}
	}
}

func (l *Lab) Break(_ context.Context, how string) (int, error) {
	switch how {
	case "no":
	case "exit":
		os.Exit(3)
	case "panic":
		go panic("elsewhere")
		select {}
	case "map":
		m := map[int]int{}
		for range 4 {
			go func() {
				for i := 0; ; i++ {
					m[i%10] = i
				}
			}()
		}
		select {}
	case "stack":
		debug.SetMaxStack(16 << 20) // makes the overflow quick
		return overflow(1), nil
	case "address":
		p := (*int)(unsafe.Add(nil, 0xdead0000))
		*p = 1
	case "frames":
		_, _ = os.NewFile(4, "frames").Write([]byte("Ohostile frames"))
		select {}
	case "outcome": // with a head that is not an outcome
		_, _ = os.NewFile(4, "frames").Write([]byte{'O', 0, 0, 0, 6, 0, 0, 0, 2, '[', ']'})
		select {}
	case "huge":
		_, _ = os.NewFile(4, "frames").Write([]byte{'O', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2, '{', '}'})
		select {}
	}
	return os.Getpid(), nil
}

func overflow(n int) int {
	if n < 0 {
		return n
	}
	return overflow(n+1) + n
}

func (*Lab) Print(ctx context.Context) (string, error) {
	fmt.Println("to stdout")
	fmt.Fprintln(os.Stderr, "to stderr")
	fmt.Fprintln(os.Stderr, "panic: not really")
	service.Logger(ctx).With("a", 1).WithGroup("g").WarnContext(ctx, "a record", "err", errors.New("e"), "d", time.Second, "list", []int{1, 2})
	slog.Default().Debug("not logged")
	return strings.Repeat("x", 1<<20), nil
}

var errDeclared = rpcerror.New("lab.Declared", "%s is declared").WithStatus(404)

func (*Lab) Fail(_ context.Context, how string) (any, error) {
	switch how {
	case "plain":
		return nil, errors.New("plain")
	case "declared":
		return nil, fmt.Errorf("in it: %w", errDeclared.With("this"))
	case "panic":
		panic("a panic")
	case "later":
		return nil, service.RetryAfter(time.Minute, errors.New("later"))
	case "park":
		return nil, service.Park(errDeclared.With("parked"))
	case "result":
		return make(chan int), nil
	}
	return nil, nil
}

func (*Lab) Spawn(context.Context) error {
	cmd := exec.Command("sleep", "1h")
	if err := cmd.Start(); err != nil {
		return err
	}
	fmt.Println("sleeper", cmd.Process.Pid)
	select {}
}

// Answer contains what a method sees of its call.
type Answer struct {
	ID, Instance, Tenant string
	Number               int
	Parents              []string
	Attempt              int
	Deadline             bool
	PID                  int
}

func (*Lab) Ask(ctx context.Context) (Answer, error) {
	c := service.FromContext(ctx)
	_, bounded := ctx.Deadline()
	tenant, _ := service.Key[string]("tenant").Get(ctx)
	number, _ := service.Key[int]("number").Get(ctx)
	return Answer{c.ID, c.Instance, tenant, number, c.Parents, c.Attempt, bounded, os.Getpid()}, nil
}

func (*Lab) Tell(ctx context.Context) error {
	service.Note(ctx, []byte("half of it"))
	return nil
}

func (*Lab) Sum(_ context.Context, a, b int, rest []int, more map[string]int) (int, error) {
	for _, n := range rest {
		a += n
	}
	for _, n := range more {
		a += n
	}
	return a + b, nil
}
