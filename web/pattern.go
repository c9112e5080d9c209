package web

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
)

var wildcard = regexp.MustCompile(`\{([^{}.$]+)(\.\.\.)?\}`)

// wildcards returns the names of the wildcards of a pattern, in their order.
func wildcards(pattern string) []string {
	var names []string
	for _, found := range wildcard.FindAllStringSubmatch(pattern, -1) {
		names = append(names, found[1])
	}
	return names
}

// checkPattern returns what is wrong with a pattern, for itself.
func checkPattern(pattern string) (err error) {
	if strings.TrimSpace(pattern) == "" {
		return errors.New(`has no pattern: write method and path, as in web:"GET /orders/{id}"`)
	}
	if method, _, ok := strings.Cut(pattern, " "); ok && method != strings.ToUpper(method) {
		return fmt.Errorf("the method of the pattern %q is no method of HTTP: write %s", pattern, strings.ToUpper(method))
	}
	defer func() {
		if p := recover(); p != nil {
			err = new(server).refused(pattern, fmt.Sprint(p))
		}
	}()
	http.NewServeMux().Handle(pattern, http.NotFoundHandler())
	return nil
}
