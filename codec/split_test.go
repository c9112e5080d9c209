package codec_test

import (
	"strings"
	"testing"

	"github.com/gomeko/gomeko/codec"
)

// narrow hides the methods of JSON that a Codec does not have.
type narrow struct{ codec.Codec }

// Split returns the same parts for a codec that cannot split data, by decoding all of it.
func TestSplit(t *testing.T) {
	t.Parallel()
	if codec.Split(codec.JSON) != codec.JSON {
		t.Error("got another codec for a Splitter, want itself")
	}
	s := codec.Split(narrow{codec.JSON})
	list, err := s.List([]byte(`[1, "a", {"b": 2.0}]`))
	if err != nil || len(list) != 3 || string(list[2]) != `{"b":2.0}` {
		t.Errorf("got %s, %v", list, err)
	}
	members, err := s.Map([]byte(`{"b": [1], "a": null}`))
	if err != nil || len(members) != 2 || members[0].Name != "a" || string(members[1].Value) != "[1]" {
		t.Errorf("got %v, %v", members, err)
	}
	for data, want := range map[string]codec.Kind{
		`null`: codec.KindNull, `true`: codec.KindBool, `1`: codec.KindNumber, `NaN`: codec.KindNumber, `"x"`: codec.KindString,
		`[]`: codec.KindList, `{}`: codec.KindObject, `x`: codec.KindNone,
		`{"__type__": "bytes", "__value__": "x"}`: codec.KindBytes, `{"__type__": "date", "__value__": "2024-01-02"}`: codec.KindObject,
	} {
		if got := s.Kind([]byte(data)); got != want {
			t.Errorf("%s: got %s, want %s", data, got, want)
		}
	}
	_, listErr := s.List([]byte(`null`))
	_, mapErr := s.Map([]byte(`[1]`))
	for err, want := range map[error]string{listErr: "null where a list should be", mapErr: "a list does not fit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
