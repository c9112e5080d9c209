package web_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gomeko/gomeko/rpc"
	"github.com/gomeko/gomeko/service"
	"github.com/gomeko/gomeko/web"
)

// Shop has a method of each form.
type Shop struct {
	_ service.Name `service:"shop"`

	Entrypoints struct {
		Plain    web.Route `web:"GET /plain"`
		Nothing  web.Route `web:"DELETE /things/{id}"`
		Sum      web.Route `web:"GET /sum/{a}/{b}"`
		Owned    web.Route `web:"GET /uuid/{id}"`
		Rest     web.Route `web:"GET /files/{path...}"`
		Asked    web.Route `web:"GET /asked/{name}"`
		Both     web.Route `web:"GET /both/{n}"`
		Raw      web.Route `web:"/raw/{name}"`
		Written  web.Route `web:"POST /written"`
		Bytes    web.Route `web:"GET /bytes"`
		Respond  web.Route `web:"GET /respond/{status}"`
		Stream   web.Route `web:"GET /stream/{n}"`
		Create   web.Route `web:"POST /things"`
		List     web.Route `web:"GET /things"  method:"Create"`
		Replace  web.Route `web:"PUT /things/{id}"`
		Remove   web.Route `web:"DELETE /things" method:"Create"`
		Update   web.Route `web:"PATCH /things/{id}" method:"Create"`
		Unsent   web.Route `web:"GET /unsent"`
		Panicked web.Route `web:"GET /panicked"`
		Failed   web.Route `web:"GET /failed/{how}"`
	}
}

func (*Shop) Plain(context.Context) (string, error)      { return "héllo", nil }
func (*Shop) Nothing(_ context.Context, id string) error { return nil }
func (*Shop) Sum(_ context.Context, a, b int8) (map[string]int, error) {
	return map[string]int{"sum": int(a) + int(b)}, nil
}
func (*Shop) Owned(_ context.Context, id uuid.UUID) (string, error) { return id.URN(), nil }
func (*Shop) Rest(_ context.Context, path string) (string, error)   { return path, nil }
func (*Shop) Asked(ctx context.Context, r *http.Request) (string, error) {
	return r.PathValue("name") + " " + service.FromContext(r.Context()).Row, nil
}
func (*Shop) Both(_ context.Context, r *http.Request, n float64) (string, error) {
	return fmt.Sprint(r.URL.Query().Get("unit"), n), nil
}
func (*Shop) Raw(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Row", service.FromContext(r.Context()).Row)
	w.WriteHeader(http.StatusTeapot)
	fmt.Fprint(w, r.Method, " ", r.PathValue("name"))
}
func (*Shop) Written(_ context.Context, w http.ResponseWriter, r *http.Request) error {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	_, err = w.Write(bytes.ToUpper(data))
	return err
}
func (*Shop) Bytes(context.Context) ([]byte, error) { return []byte{0, 1}, nil }
func (*Shop) Respond(_ context.Context, status int) (web.Response, error) {
	return web.Response{Status: status, Header: http.Header{"Location": {"/things/1"}}, Body: []int{1}}, nil
}
func (*Shop) Stream(_ context.Context, n int) (io.Reader, error) {
	return strings.NewReader(strings.Repeat("x", n)), nil
}

// Thing is read from all parts of a request.
type Thing struct {
	ID     int      `json:"id"`
	Name   string   `json:"name"`
	Count  int      `json:"count" default:"1"`
	Tags   []string `json:"tags,omitempty" query:"tag"`
	Tenant *string  `json:"tenant" header:"x-tenant"`
	Sizes  []int    `json:"sizes,omitempty"`
}

func (*Shop) Create(_ context.Context, t Thing) (Thing, error) { return t, nil }

// Named is a struct that follows a wildcard.
type Named struct {
	Name string `json:"name"`
}

func (*Shop) Replace(_ context.Context, id int, body *Named) (string, error) {
	return fmt.Sprint(id, body.Name), nil
}

func (*Shop) Unsent(context.Context) (any, error) { return func() {}, nil }
func (*Shop) Panicked(context.Context) error      { panic("the inside") }

type conflict struct{}

func (conflict) Error() string   { return "taken" }
func (conflict) HTTPStatus() int { return http.StatusConflict }

func (*Shop) Failed(_ context.Context, how string) error {
	switch how {
	case "expected":
		return fmt.Errorf("order 7: %w", rpc.NewError("orders.exceptions.NotFound", "not found"))
	case "status":
		return fmt.Errorf("name: %w", conflict{})
	case "own":
		return &web.Error{Status: http.StatusGone, Message: "it was sold"}
	}
	return errors.New("the inside")
}

func request(t testing.TB, p *process, method, path, kind, body string) (status int, header http.Header, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	r.Header.Set("Accept", "text/plain, */*;q=0.1") // of errors
	return do(t, p, r)
}

func do(t testing.TB, p *process, r *http.Request) (status int, header http.Header, text string) {
	t.Helper()
	answer, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(data)
}

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	textType = "text/plain; charset=utf-8"
	noType   = "application/octet-stream"
)

const notForm = "Error: BadRequest: body: looks like JSON, but its Content-Type is application/x-www-form-urlencoded: " +
	"send the header Content-Type: application/json\n"

func TestShapes(t *testing.T) {
	t.Parallel()
	p := start(t, web.Config{}, new(Shop))
	for _, c := range []struct {
		method, path, kind, body string
		status                   int
		want, wantKind           string
	}{
		{"GET", "/plain", "", "", 200, "héllo", textType},
		{"HEAD", "/plain", "", "", 200, "", textType},
		{"DELETE", "/things/7", "", "", 204, "", ""},
		{"GET", "/sum/100/27", "", "", 200, `{"sum":127}`, jsonType},
		{"GET", "/sum/128/1", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"GET", "/sum/a/1", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"GET", "/sum/+1/1", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"GET", "/uuid/12345678-1234-5678-1234-567812345678", "", "", 200, "urn:uuid:12345678-1234-5678-1234-567812345678", textType},
		{"GET", "/uuid/x", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"GET", "/files/a/b%2Fc", "", "", 200, "a/b/c", textType},
		{"GET", "/asked/%FF", "", "", 200, "\xff Asked", textType},
		{"GET", "/files/%FF", "", "", 400, "Error: BadRequest: path path: is not UTF-8\n", textType},
		{"GET", "/both/1.5?unit=m", "", "", 200, "m1.5", textType},
		{"GET", "/both/NaN?unit=m", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"OPTIONS", "/raw/x", "", "", 418, "OPTIONS x", textType},
		{"POST", "/written", "", "loud", 200, "LOUD", textType},
		{"GET", "/bytes", "", "", 200, "\x00\x01", noType},
		{"GET", "/respond/201", "", "", 201, "[1]", jsonType},
		{"GET", "/respond/204", "", "", 204, "", ""},
		{"GET", "/stream/100000", "", "", 200, strings.Repeat("x", 100000), noType},
		{"HEAD", "/stream/100000", "", "", 200, "", noType},
		{"POST", "/things?tag=a&tag=b", jsonType, `{"id": 1, "name": "tea", "sizes": [1, 2]}`, 200,
			`{"id":1,"name":"tea","count":1,"tags":["a","b"],"tenant":null,"sizes":[1,2]}`, jsonType},
		{"POST", "/things", formType, "id=1&name=tea&count=3&sizes=4&sizes=5&send=", 200,
			`{"id":1,"name":"tea","count":3,"tenant":null,"sizes":[4,5]}`, jsonType},
		{"GET", "/things?id=1&name=tea", "", "", 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"PATCH", "/things/9", jsonType, `{"name": "tea"}`, 200, `{"id":9,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"PATCH", "/things/x", jsonType, `{"name": "tea"}`, 404, "Error: NotFound: nothing is at this path\n", textType},
		{"PUT", "/things/9", jsonType, `{"name": "tea"}`, 200, "9tea", textType},
		{"POST", "/things", jsonType, `{"id": 1.5, "count": "x", "conut": 1}`, 400, "Error: BadRequest: " +
			`body conut: is not known; body id: number 1.5 does not fit int; body name: is missing; body count: a string does not fit int` + "\n", textType},
		{"POST", "/things", jsonType, `[1]`, 400, "Error: BadRequest: body: a list where an object should be\n", textType},
		{"POST", "/things", jsonType, `{"id": 1, "name": "x"} {}`, 400, "", ""},
		{"POST", "/things", jsonType, "", 400, "Error: BadRequest: body id: is missing; body name: is missing\n", textType},
		{"POST", "/things", jsonType, `{"id": 1, "name": "` + "\xff" + `"}`, 400, "Error: BadRequest: body: is not UTF-8\n", textType},
		{"POST", "/things", "text/csv", `1,2`, 415, "", ""},
		{"POST", "/things", formType, `{"id": 1, "name": "a&b=c"}`, 400, notForm, textType},
		{"POST", "/things", formType, ` [1, "100%"]`, 400, notForm, textType},
		{"POST", "/things", formType, `{x}=1&id=1&name=tea`, 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"DELETE", "/things", jsonType, `{"id": 1, "name": "tea", "sizes": [1]}`, 200, `{"id":1,"name":"tea","count":1,"tenant":null,"sizes":[1]}`, jsonType},
		{"DELETE", "/things", formType, `id=1&name=tea`, 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"DELETE", "/things?id=1&name=tea", "", "", 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"DELETE", "/things?id=1&name=milk", jsonType, `{"name": "tea"}`, 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"DELETE", "/things?id=1", jsonType, `{}`, 400, "Error: BadRequest: body name: is missing\n", textType},
		{"DELETE", "/things?id=x", jsonType, `{"name": 7}`, 400, "Error: BadRequest: query id: \"x\" is not a whole number; body name: a number does not fit string\n", textType},
		{"GET", "/things?id=1", jsonType, `{"name": "tea"}`, 200, `{"id":1,"name":"tea","count":1,"tenant":null}`, jsonType},
		{"GET", "/unsent", "", "", 500, "", ""},
		{"GET", "/panicked", "", "", 500, "", ""},
		{"GET", "/failed/expected", "", "", 400, "Error: NotFound: order 7: not found\n", textType},
		{"GET", "/failed/status", "", "", 409, "Error: Conflict: name: taken\n", textType},
		{"GET", "/failed/own", "", "", 410, "Error: Gone: it was sold\n", textType},
		{"GET", "/failed/fault", "", "", 500, "", ""},
		{"GET", "/none", "", "", 404, "Error: NotFound: nothing is at this path\n", textType},
		{"POST", "/plain", "", "", 405, "Error: MethodNotAllowed: the allowed methods are GET, HEAD\n", textType},
		{"OPTIONS", "/plain", "", "", 204, "", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			status, header, text := request(t, p, c.method, c.path, c.kind, c.body)
			if status != c.status || c.want != "" && text != c.want || c.wantKind != "" && header.Get("Content-Type") != c.wantKind {
				t.Errorf("got %d %q %s, want %d %q %s", status, text, header.Get("Content-Type"), c.status, c.want, c.wantKind)
			}
			if strings.Contains(text, "inside") {
				t.Errorf("got %q: it tells of the inside", text)
			}
			if status == 500 && !strings.HasPrefix(text, "Error: InternalServerError: call shop.") {
				t.Errorf("got %q", text)
			}
		})
	}
}
