package web

import "testing"

func TestTranslated(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"GET /orders/<int:id>":                        "GET /orders/{id}",
		"GET /orders/<id>":                            "GET /orders/{id}",
		"GET /orders/<int(min=1):id>/<uuid:line>":     "GET /orders/{id}/{line}",
		"GET /<string(length=2):lang>":                "GET /{lang}",
		"GET /<any(about, help):page>":                "GET /{page}",
		"GET /files/<path:name>":                      "GET /files/{name...}",
		"GET /orders/:id":                             "GET /orders/{id}",
		"GET /orders/:id/lines/:line?":                "GET /orders/{id}/lines/{line}",
		`GET /orders/:id(\d+)`:                        "GET /orders/{id}",
		"GET /files/*path":                            "GET /files/{path...}",
		"GET /files/*":                                "GET /files/{path...}",
		"GET /files/**":                               "GET /files/{path...}",
		"GET /orders/{id:[0-9]+}":                     "GET /orders/{id}",
		"GET /orders/{id:[0-9]{1,3}}":                 "GET /orders/{id}",
		"GET /orders/{id:int}":                        "GET /orders/{id}",
		"GET /orders/{id?}":                           "GET /orders/{id}",
		"GET /files/{name:path}":                      "GET /files/{name...}",
		"GET /files/{name:.*}":                        "GET /files/{name...}",
		`GET ^orders/(?P<id>\d+)/$`:                   "GET /orders/{id}/",
		"/orders/<int:id>":                            "/orders/{id}",
		"GET /orders/{id}":                            "",
		"GET /orders/{id}/{rest...}":                  "",
		"GET /orders/{$}":                             "",
		"GET example.org:8000/a":                      "",
		"POST /orders:cancel":                         "",
		"GET /%3Aliteral/a*b/~x/%3Cid%3E":             "",
		"GET /OData/Orders(7)/$metadata/+x;v=1,@here": "",
	} {
		if want == "" {
			want = pattern
		}
		if got := translated(pattern); got != want {
			t.Errorf("%s: got %s, want %s", pattern, got, want)
		}
		if err := checkPattern(want); err != nil {
			t.Errorf("%s: %v", want, err)
		}
		if err := checkPattern(pattern); (err != nil) != (want != pattern) {
			t.Errorf("%s: got %v", pattern, err)
		}
	}
}
