package id_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/id"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"", "orders.get_order.", strings.Repeat("long", 100)} {
		one, other := id.New(prefix), id.New(prefix)
		text, ok := strings.CutPrefix(one, prefix)
		if !ok || one == other {
			t.Errorf("got %q and %q, want two ids that begin with %q", one, other, prefix)
		}
		u, err := uuid.Parse(text)
		if err != nil || u.String() != text || u.Version() != 4 || u.Variant() != uuid.RFC4122 {
			t.Errorf("got %q (%v), want a UUID of version 4", text, err)
		}
	}
}

func TestOrdered(t *testing.T) {
	t.Parallel()
	began := time.Now().UnixMilli()
	one, other := id.Ordered(), id.Ordered()
	if one == other {
		t.Errorf("got %s twice", one)
	}
	u, err := uuid.Parse(one)
	if err != nil || u.String() != one || u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Fatalf("got %q (%v), want a UUID of version 7", one, err)
	}
	seconds, nanoseconds := u.Time().UnixTime()
	if at := time.Unix(seconds, nanoseconds).UnixMilli(); at < began || at > time.Now().UnixMilli() {
		t.Errorf("%s has the time %d, want one from %d until now", one, at, began)
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		id.New("orders.get_order.")
	}
}

func BenchmarkUUID(b *testing.B) {
	for b.Loop() {
		_ = "orders.get_order." + uuid.NewString()
	}
}

// TestInstance creates names until two differ, because the random part is short.
func TestInstance(t *testing.T) {
	t.Parallel()
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	one, prefix := id.Instance(), machine+"/"+strconv.Itoa(os.Getpid())+"-"
	if random, ok := strings.CutPrefix(one, prefix); !ok || len(random) != 4 {
		t.Errorf("got %q, want %sxxxx", one, prefix)
	}
	for id.Instance() == one { // it ends: each name equals the first with a probability of 1 in 65,536
	}
}
