package methodname

import "testing"

func TestSnake(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Forget": "forget", "ForgetUser": "forget_user", "GetURL": "get_url", "GetURLOf": "get_url_of", "ÉtatCivil": "état_civil", "A": "a",
	} {
		if got := snake(name); got != want {
			t.Errorf("snake(%q): got %q, want %q", name, got, want)
		}
	}
}
