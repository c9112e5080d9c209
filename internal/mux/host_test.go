package mux_test

import (
	"testing"

	"github.com/gomeko/gomeko/internal/mux"
)

func TestIsLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:8000": true, "localhost.": true, "app.localhost:1": true, "127.0.0.1": true, "127.9.0.1:80": true,
		"[::1]:80": true, "[::1]": true, "::1": true, "[::ffff:127.0.0.1]:1": true,
		"": false, "evil.example:15672": false, "notlocalhost": false, "localhost.evil.example": false, "127.0.0.1.evil.example:1": false,
		"0.0.0.0:1": false, "192.0.2.1": false, "127.1": false, "2130706433": false,
	} {
		if got := mux.IsLoopback(mux.HostName(host)); got != want {
			t.Errorf("%q: got %v, want %v", host, got, want)
		}
	}
}
