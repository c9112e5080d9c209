package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/internal/golden"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Vec is the recorded service, in Go.
type Vec struct {
	_ service.Name `service:"vec"`

	Entrypoints struct {
		Get        web.Route `web:"GET /get/{value}"`
		Str        web.Route `web:"GET /str/{value}"`
		Str2       web.Route `web:"GET /str2/{value}"`
		Float      web.Route `web:"GET /float/{value}"`
		Path       web.Route `web:"GET /path/{value...}" method:"Str"`
		UUID       web.Route `web:"GET /uuid/{value}"`
		Any        web.Route `web:"GET /any/{value}"`
		Range      web.Route `web:"GET /range/{value}"`
		Slash      web.Route `web:"GET /slash/{$}"`
		Query      web.Route `web:"GET /query"`
		Post       web.Route `web:"POST /post"`
		MultiGet   web.Route `web:"GET /multi" method:"Multi"`
		MultiPost  web.Route `web:"POST /multi" method:"Multi"`
		MultiPut   web.Route `web:"PUT /multi" method:"Multi"`
		Tuple2     web.Route `web:"GET /tuple2"`
		Tuple3     web.Route `web:"GET /tuple3"`
		Tuple3JSON web.Route `web:"GET /tuple3json"`
		Response   web.Route `web:"GET /response"`
		Unicode    web.Route `web:"GET /unicode"`
		None       web.Route `web:"GET /none"`
		Dict       web.Route `web:"GET /dict"`
		Bytes      web.Route `web:"GET /bytes"`
		Expected   web.Route `web:"GET /expected"`
		Unexpected web.Route `web:"GET /unexpected"`
		BadRequest web.Route `web:"GET /badrequest"`

		Socket web.SocketMethod `web:"socket"`
	}
}

func (*Vec) Get(_ context.Context, value uint) (string, error) {
	return fmt.Sprintf(`{"value": %d}`, value), nil
}
func (*Vec) Str(_ context.Context, value string) (string, error) { return value, nil }
func (*Vec) Str2(_ context.Context, value pair) (string, error)  { return string(value), nil }
func (*Vec) Float(_ context.Context, value float64) (string, error) {
	return strconv.FormatFloat(value, 'f', -1, 64), nil
}
func (*Vec) UUID(_ context.Context, value uuid.UUID) (string, error) {
	return "UUID('" + value.String() + "')", nil
}
func (*Vec) Any(_ context.Context, value greek) (string, error) { return string(value), nil }
func (*Vec) Range(_ context.Context, value digit) (string, error) {
	return strconv.Itoa(int(value)), nil
}
func (*Vec) Slash(context.Context) (string, error) { return "slash", nil }
func (*Vec) Query(_ context.Context, r *http.Request) (string, error) {
	var lists []string
	for _, name := range []string{"a", "b"} {
		lists = append(lists, fmt.Sprintf(`"%s": ["%s"]`, name, strings.Join(r.URL.Query()[name], `", "`)))
	}
	return "{" + strings.Join(lists, ", ") + "}", nil
}
func (*Vec) Post(_ context.Context, r *http.Request) (string, error) {
	data, err := io.ReadAll(r.Body)
	return "received: " + string(data), err
}
func (*Vec) Multi(_ context.Context, r *http.Request) (string, error) { return r.Method, nil }
func (*Vec) Tuple2(context.Context) (web.Response, error) {
	return web.Response{Status: http.StatusForbidden, Body: "Forbidden"}, nil
}
func (*Vec) Tuple3(context.Context) (web.Response, error) {
	return web.Response{Status: http.StatusCreated, Header: http.Header{"Location": {"https://www.example.com/widget/1"}}, Body: ""}, nil
}
func (*Vec) Tuple3JSON(context.Context) (*web.Response, error) {
	return &web.Response{Header: http.Header{"Content-Type": {"application/json"}, "X-Multi": {"a"}}, Body: `{"a": 1}`}, nil
}
func (*Vec) Response(context.Context) (web.Response, error) {
	return web.Response{Status: http.StatusAccepted, Body: []byte("payload")}, nil
}
func (*Vec) Unicode(context.Context) (string, error)      { return "héllo 🚀", nil }
func (*Vec) None(context.Context) (any, error)            { return nil, nil }
func (*Vec) Dict(context.Context) (map[string]int, error) { return map[string]int{"a": 1}, nil }
func (*Vec) Bytes(context.Context) ([]byte, error)        { return []byte("bytes"), nil }
func (*Vec) Expected(context.Context) error               { return rpc.NewError("vec_services.Expected", "oops") }
func (*Vec) Unexpected(context.Context) error             { return errors.New("oops") }
func (*Vec) BadRequest(context.Context) error {
	return rpc.NewError("nameko.exceptions.BadRequest", "bad one")
}

func (*Vec) Socket(context.Context, *web.Socket) error { return nil }

// A pair accepts the values of <string(length=2):value>.
type pair string

func (p *pair) UnmarshalText(text []byte) error {
	if *p = pair(text); len(text) != 2 {
		return errors.New("has not two letters")
	}
	return nil
}

// A greek accepts the values of <any(alpha, beta):value>.
type greek string

func (g *greek) UnmarshalText(text []byte) error {
	if *g = greek(text); *g != "alpha" && *g != "beta" {
		return errors.New("is neither alpha nor beta")
	}
	return nil
}

// A digit accepts the values of <int(min=1, max=9):value>.
type digit int

func (d *digit) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 8)
	if *d = digit(n); err != nil || n < 1 || n > 9 {
		return errors.New("is not from 1 to 9")
	}
	return nil
}

// Reasons why the responses to vectors differ from Nameko's.
const (
	page     = "Nameko answers with a page of HTML; here it is a line as for every other error, or problem+json"
	redirect = "a redirect is net/http's: another status of the same meaning, and a page without a doctype"
	inside   = "Nameko tells a client what went wrong inside; here it is told the id of the call, which the log has"
	notText  = "Nameko refuses what is no str; here "
	compiled = "not replayed: in Go it is a mistake at the start, or does not compile"
)

var differs = map[string]string{
	"get_int_negative": page, "get_int_bad": page, "get_str_slash": page, "get_str_len2_bad": page, "get_any_bad": page,
	"get_range_bad": page, "noslash_extra": page, "not_found": page, "method_not_allowed": page, "method_not_allowed_multi": page,
	"get_str_pct_slash": "an escaped slash is a part of the segment (RFC 3986), as net/http has it; Nameko decodes it first",
	"get_float_int":     "a number without a point is a number; a type with UnmarshalText may see that otherwise",
	"slash_redirect":    redirect, "merge_slashes": redirect,
	"options":              "OPTIONS is answered with what is allowed; Nameko does not know it",
	"none_result":          notText + "nil is an answer without a body, 204",
	"dict_result":          notText + "it is JSON",
	"bytes_result":         notText + "bytes go out as they are",
	"bad_tuple":            compiled,
	"incorrect_signature":  compiled,
	"unexpected_exception": inside,
	"ws_plain_get":         page, "ws_post": page,
	"http10":          "net/http answers HTTP/1.0 as HTTP/1.0",
	"chunked_request": "the body is read; Nameko takes it for empty",
}

// requests are the requests of vectors that contain none.
var requests = map[string]string{
	"keep_alive":      "GET /get/1 HTTP/1.1\r\nHost: vec.test\r\n\r\nGET /get/2 HTTP/1.1\r\nHost: vec.test\r\nConnection: close\r\n\r\n",
	"http10":          "GET /get/1 HTTP/1.0\r\nHost: vec.test\r\n\r\n",
	"chunked_request": "POST /post HTTP/1.1\r\nHost: vec.test\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
}

// TestHTTPVectors replays all vectors. docs/wire/http.md lists the outcomes.
func TestHTTPVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/http.json")
	if err != nil {
		t.Fatal(err)
	}
	type text struct {
		UTF8 string `json:"utf8"`
	}
	var file struct {
		Vectors []struct {
			Name    string `json:"name"`
			Request text   `json:"request_raw"`
			Answer  text   `json:"response_raw"`
			Second  text   `json:"second_response_raw"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	p := start(t, web.Config{}, new(Vec))
	var rows []golden.Row
	for _, v := range file.Vectors {
		row := golden.Row{Group: "http", Vector: v.Name, Differs: differs[v.Name]}
		rows = append(rows, row)
		if row.Differs == compiled {
			continue
		}
		request := v.Request.UTF8
		if request == "" {
			request = requests[v.Name]
		}
		got, want := p.replay(t, request), compared(t, []byte(v.Answer.UTF8+v.Second.UTF8))
		if row.Differs == page && got[0] != want[0] {
			t.Errorf("%s: got %s, want %s with another page", v.Name, got[0], want[0])
		}
		if same := slices.Equal(got, want); same != (row.Differs == "") {
			t.Errorf("%s: got\n%s\nwant\n%s\ndifferent on purpose: %q", v.Name, strings.Join(got, "\n"), strings.Join(want, "\n"), row.Differs)
		}
	}
	golden.Table(t, "http", "Requests to Nameko's HTTP entrypoints, replayed on routes with the same methods. Compared are the\n"+
		"protocol, the status code, `Content-Type`, `Content-Length`, `Location`, `Allow` in any order, the\n"+
		"headers that a method sets, and the body. The phrase after the status code is that of net/http;\n"+
		"HTTP/2 has none. `X-Request-Id` is gomeko's.", rows)
}

// replay sends the recorded bytes, and returns the parts of the responses that are compared.
func (p *process) replay(t *testing.T, request string) []string {
	t.Helper()
	u, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(hosttest.Timeout))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return compared(t, data)
}

// compared returns the parts of the responses that are compared.
func compared(t *testing.T, data []byte) (lines []string) {
	t.Helper()
	for r := bufio.NewReader(bytes.NewReader(data)); ; {
		if _, err := r.Peek(1); err != nil {
			return lines
		}
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		lines = append(lines, fmt.Sprint(answer.Proto, " ", answer.StatusCode))
		allow := strings.Split(answer.Header.Get("Allow"), ", ")
		slices.Sort(allow)
		answer.Header.Set("Allow", strings.Join(allow, ", "))
		for _, name := range []string{"Content-Type", "Content-Length", "Location", "Allow", "X-Multi"} {
			lines = append(lines, name+": "+answer.Header.Get(name))
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // a response to HEAD has no body
			t.Fatal(err)
		}
		lines = append(lines, string(body))
	}
}
