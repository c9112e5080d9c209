package jobview_test

import (
	"reflect"
	"testing"

	"github.com/gomeko/gomeko/internal/jobview"
	"github.com/gomeko/gomeko/jobs/store"
)

// TestHide checks that only contents are shown that a worker has declared harmless.
func TestHide(t *testing.T) {
	secrets := jobview.Secrets{{"images", "upload"}: false, {"users", "invite"}: true}
	for want, job := range map[string]store.Job{
		"":                            {Service: "images", Name: "upload"},
		"its arguments are sensitive": {Service: "users", Name: "invite"},
		"no worker has told yet whether its arguments are sensitive": {Service: "users", Name: "upload"},
	} {
		if got := secrets.Hide(&job); got != want {
			t.Errorf("%s.%s: got %q, want %q", job.Service, job.Name, got, want)
		}
	}
	if got := jobview.Secrets(nil).Hide(&store.Job{}); got != "" {
		t.Errorf("nil hides: %s", got)
	}
}

// TestContent masks what looks like a secret.
func TestContent(t *testing.T) {
	for data, want := range map[string]any{
		"":                        nil,
		`{"password": "hunter2"}`: map[string]any{"password": "**"},
		`"amqp://u:pw@host/"`:     "amqp://u:**@host/",
		"\xff":                    `"\xff"`,
	} {
		if got := jobview.Content([]byte(data)); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %v, want %v", data, got, want)
		}
	}
}
