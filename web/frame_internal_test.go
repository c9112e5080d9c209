package web

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/rpc"
)

// Any frame is answered with valid JSON that contains the frame's id.
func FuzzReadRequest(f *testing.F) {
	data, err := os.ReadFile("testdata/websocket.json")
	if err != nil {
		f.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Client string `json:"client_frame"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Vectors {
		f.Add([]byte(v.Client))
	}
	for _, seed := range []string{
		`{"correlation_id": "c", "method": `, `{"correlation_id": "\ud83d", "method": "m", "data": {"a": NaN}}`,
		`{"method": "m", "method": 5, "data": 2.5}`, "{\"correlation_id\": \"\xff\", \"method\": \"m\"}", "{\"method\": \"\xff\"}", `{"correlation_id": [[[1, {"a\"b,": ":"}]]], "method": "m"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		r, err := parseFrame(t.Context(), frame, 1<<20)
		for _, arg := range r.args.Keyword {
			var v any
			_ = arg.Value.Decode(&v) // as Run does
		}
		answer := errorFrame(r.id, rpc.NewError("a.B", "x"))
		if err == nil {
			if answer, err = resultFrame(codec.BrowserJSON, r.id, r.method); err != nil {
				t.Fatalf("%q has no answer: %v", frame, err)
			}
		}
		var read struct {
			ID any `json:"correlation_id"`
		}
		var id any
		if err := codec.JSON.Decode(answer, &read); err != nil {
			t.Fatalf("the answer %q to %q cannot be read: %v", answer, frame, err)
		}
		if err := codec.JSON.Decode(r.id, &id); err != nil {
			t.Fatalf("the id %q of %q cannot be read: %v", r.id, frame, err)
		}
		got, _ := codec.JSON.Encode(read.ID)
		if want, _ := codec.JSON.Encode(id); string(got) != string(want) {
			t.Errorf("the answer to %q has the id %s, want %s", frame, got, want)
		}
	})
}
