package secret_test

import (
	"reflect"
	"testing"

	"github.com/gomeko/gomeko/internal/secret"
)

// TestValue masks secrets in nested values, and does not modify the values themselves.
func TestValue(t *testing.T) {
	t.Parallel()
	in := map[string]any{"user": "ann", "list": []any{map[string]any{"password": "x", "n": 1}, "token=abc"}, "secret": nil}
	want := map[string]any{"user": "ann", "list": []any{map[string]any{"password": secret.Hidden, "n": 2}, "token=" + secret.Hidden}, "secret": nil}
	leaf := func(v any) any {
		if n, ok := v.(int); ok {
			return 2 * n
		}
		return v
	}
	if got := secret.Value("", in, leaf); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := secret.Value("api_key", in, leaf); got != secret.Hidden {
		t.Errorf("got %v", got)
	}
	if got := in["list"].([]any)[0].(map[string]any)["password"]; got != "x" {
		t.Errorf("the value itself is %v now", got)
	}
}
