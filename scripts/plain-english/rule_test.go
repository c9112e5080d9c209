package main

import (
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tests := []struct {
		words string
		want  []string // the rules, in order
	}{
		{"the value is no number", []string{`"is not a"`}},
		{"There is no queue, it is no longer declared.", nil},
		{"It ends. Who has no Kill gets a Stop.", []string{"say which one has it", "name the subject"}},
		{"Who calls it? What is a row?", nil},
		{"What is sent is compared.", []string{"name the subject"}},
		{"That a queue is gone is told once.", []string{"name the subject", "receives, is notified"}},
		{"The limit is to be set.", []string{"must, should"}},
		{"The path is to the file.", nil},
		{"It comes back by itself, be it late, and waits for ever.",
			[]string{`without "by itself"`, `drop "be it"`, "forever"}},
		{"A queue of its own is declared by its own service, of its own accord.", []string{"its own"}},
		{"Somehow, whatever, thatcher.", nil},
	}
	for _, test := range tests {
		var got []string
		for _, f := range find(test.words) {
			got = append(got, f.rule)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: got %q, want %q", test.words, got, test.want)
		}
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	texts := readPage("# Title\n\nA queue is kept\nfor ever.\n\n```\nfor ever\n```\n", false)
	var lines []int
	for _, text := range texts {
		for _, f := range find(text.words) {
			lines = append(lines, text.line(f.at))
		}
	}
	if !slices.Equal(lines, []int{4}) {
		t.Errorf("got lines %v, want 4", lines)
	}
}
