package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

// checkPattern returns an error for a mistake in the pattern itself.
func checkPattern(pattern string) (err error) {
	if strings.TrimSpace(pattern) == "" {
		return errors.New(`has no pattern: write method and path, as in web:"GET /orders/{id}"`)
	}
	method, path, ok := strings.Cut(pattern, " ")
	if ok && strings.ContainsAny(method, ",|") { // Nameko accepts a list of methods
		return fmt.Errorf(`the pattern %q has several HTTP methods: write a row for each, with the key method, as in web:"PUT %s" method:"…"`, pattern, path)
	}
	if ok && method != strings.ToUpper(method) {
		return fmt.Errorf("the method of the pattern %q must be in capital letters: write %s", pattern, strings.ToUpper(method))
	}
	if right := translated(pattern); right != pattern {
		return fmt.Errorf("the pattern %q is not one of http.ServeMux: write %q (the type of the method's parameter is the type of the wildcard)", pattern, right)
	}
	defer func() {
		if p := recover(); p != nil {
			err = new(server).patternError(pattern, fmt.Sprint(p))
		}
	}()
	http.NewServeMux().Handle(pattern, http.NotFoundHandler())
	return nil
}

// A dialect is the syntax of wildcards in another router. To http.ServeMux most of them are literal
// text, so such a route would never match a real request.
type dialect struct {
	written *regexp.Regexp
	here    string // the pattern of ServeMux, with the groups of written
}

var dialects = []dialect{
	{regexp.MustCompile(`\(\?P?<([A-Za-z_]\w*)>[^/]*\)`), "{$1}"},                   // a named group of a regular expression
	{regexp.MustCompile(`<path(?:\([^<>]*\))?:([A-Za-z_]\w*)>`), "{$1...}"},         // Werkzeug: <path:name>
	{regexp.MustCompile(`<(?:[^<>/:]+:)?([A-Za-z_]\w*)>`), "{$1}"},                  // Werkzeug: <int:id>, <id>
	{regexp.MustCompile(`\{([A-Za-z_]\w*):(?:path|\.\*|\.\+|\*)\}`), "{$1...}"},     // FastAPI, chi: {name:path}, {name:.*}
	{regexp.MustCompile(`\{([A-Za-z_]\w*)(?::(?:[^{}]|\{[^{}]*\})*|\?)\}`), "{$1}"}, // chi, ASP.NET: {id:[0-9]+}, {id:int}, {id?}
	{regexp.MustCompile(`/:([A-Za-z_]\w*)(?:\([^/]*\))?\??`), "/{$1}"},              // gin, echo, Express: /:id
	{regexp.MustCompile(`/\*{1,2}([A-Za-z_]\w*)$`), "/{$1...}"},                     // gin: /*path
	{regexp.MustCompile(`/\*{1,2}$`), "/{path...}"},                                 // echo, chi: /*
}

// translated returns a pattern with its wildcards in the syntax of http.ServeMux.
func translated(pattern string) string {
	for _, d := range dialects {
		pattern = d.written.ReplaceAllString(pattern, d.here)
	}
	if method, path, ok := strings.Cut(pattern, " "); ok && strings.HasPrefix(path, "^") { // Django
		pattern = method + " /" + strings.TrimLeft(strings.TrimSuffix(path, "$"), "^/")
	}
	return pattern
}
