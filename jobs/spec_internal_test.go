package jobs

import (
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/signature"
)

// ruleFor returns the rule of a spec, as another process reads it.
func ruleFor(t *testing.T, s spec) *rule {
	t.Helper()
	r, err := ruleOf(s.text(), "v")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var limits = reader{accepts: codec.Set{codec.JSON, msgpack.Codec}, message: 1 << 20, decoded: 1 << 24}

// TestTerms checks that equal arguments make the same key and resource, however they are written.
func TestTerms(t *testing.T) {
	r := ruleFor(t, spec{Signature: `sync(tenant, day="mon", *rest, deep=False, **more)`, Unique: "true", UniqueFor: "1h", Resource: "t:{tenant}/{deep}", OnRetry: "pass"})
	want := store.Terms{Version: "v", UniqueKey: `[7,"mon",[],false,{}]`, UniqueFor: time.Hour, Resource: "t:7/false", Pass: true}
	for _, body := range []string{
		`{"args":[7],"kwargs":{}}`,
		`{"args":[7.0]}`,
		`{"args":[],"kwargs":{"tenant":7}}`,
		`{"kwargs":{"day":"mon","tenant":0.7e1}}`,
		`{"args":[7,"mon"],"kwargs":{"deep":false},"id":"x","name":"sync"}`,
	} {
		if got := r.terms(t.Context(), limits, codec.Body{ContentType: "application/json", Data: []byte(body)}); got != want {
			t.Errorf("%s: got %+v, want %+v", body, got, want)
		}
	}
	packed, err := msgpack.Codec.Encode(map[string]any{"args": []any{7.0}, "kwargs": map[string]any{"deep": false}})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.terms(t.Context(), limits, codec.Body{ContentType: msgpack.Codec.ContentType(), Data: packed}); got != want {
		t.Errorf("msgpack: got %+v, want %+v", got, want)
	}
	for body, want := range map[string]string{
		`{"args":["a/é"],"kwargs":{"z":{"b":[1,2.5],"a":null},"y":1e400}}`: `["a/é","mon",[],false,{"y":1e400,"z":{"a":null,"b":[1,2.5]}}]`,
		`{"args":["` + strings.Repeat("x", 300) + `"]}`:                    "sha256:" + hash(`["`+strings.Repeat("x", 300)+`","mon",[],false,{}]`),
		`{"args":[]}`:                     "", // does not fit
		`{"args":[[1]]}`:                  "", // a resource must not contain a list
		`{"args":[1],"kwargs":`:           "",
		`{"args":[-0.0,"",2]}`:            `[0,"",[2],false,{}]`,
		`{"args":[12345678901234567890]}`: `[12345678901234567890,"mon",[],false,{}]`,
	} {
		got := r.terms(t.Context(), limits, codec.Body{ContentType: "application/json", Data: []byte(body)})
		if got.UniqueKey != want || got.Version != "v" || (want == "") != (got.Resource == "") || len(got.Resource) > longest {
			t.Errorf("%s: got %+v, want %s", body, got, want)
		}
	}
	hidden := ruleFor(t, spec{Signature: "login(password)", Unique: "password", Hidden: true})
	if got := hidden.terms(t.Context(), limits, codec.Body{ContentType: "application/json", Data: []byte(`{"args":["x"]}`)}); strings.Contains(got.UniqueKey, "x\"") {
		t.Errorf("got %+v", got)
	}
}

// TestSpecMistakes checks the errors for invalid keys.
func TestSpecMistakes(t *testing.T) {
	sig, err := signature.Parse("sync(tenant, *rest)")
	if err != nil {
		t.Fatal(err)
	}
	for want, s := range map[string]spec{
		`unique: there is no parameter "tenants": name one of tenant, rest; or write unique:"true"`: {Unique: "tenants"},
		`unique_for "1": must be a positive duration, such as 1h`:                                   {Unique: "true", UniqueFor: "1"},
		`unique_for: the row is not unique: add unique:"true"`:                                      {UniqueFor: "1h"},
		`resource "t:{tenant": has a { without a }`:                                                 {Resource: "t:{tenant"},
		`resource "t}": has a } without a {`:                                                        {Resource: "t}"},
		`resource: there is no parameter ""`:                                                        {Resource: "{}"},
		`resource: the parameter rest has several values`:                                           {Resource: "{rest}"},
		`on_retry: the row has no resource: add one`:                                                {OnRetry: "pass"},
		`on_retry "skip": must be wait or pass`:                                                     {Resource: "t", OnRetry: "skip"},
		`resource: has 300 bytes, at most 200 are allowed`:                                          {Resource: strings.Repeat("t", 300)},
	} {
		if _, err := s.rule(sig, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
