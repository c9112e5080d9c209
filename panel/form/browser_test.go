package form_test

import (
	"encoding/xml"
	"errors"
	"html/template"
	"io"
	"net/url"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/panel/form"
)

// An element is a part of a form that a browser shows.
type element struct {
	tag        string
	attributes map[string]string
	text       string
}

// hide replaces characters that are valid in HTML but not in XML, and show restores them.
var hide, show = func() (*strings.Replacer, *strings.Replacer) {
	var there, back []string
	for _, c := range "\x01\x02\x03\x04\x05\x06\a\b\v\f\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\ufffe\uffff" {
		hidden := string(0xF0000 + c)
		there, back = append(there, string(c), hidden), append(back, hidden, string(c))
	}
	return strings.NewReplacer(there...), strings.NewReplacer(back...)
}()

// elements returns the inputs, buttons and similar elements in a form. It fails t if the HTML is
// not well formed.
func elements(t testing.TB, html template.HTML) (all []*element) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader("<form>" + hide.Replace(string(html)) + "</form>"))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []*element
	templates := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, html)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{tag: token.Name.Local, attributes: map[string]string{}}
			for _, a := range token.Attr {
				e.attributes[a.Name.Local] = show.Replace(a.Value)
			}
			if e.tag == "template" {
				templates++
			}
			open = append(open, e)
			if templates == 0 {
				all = append(all, e)
			}
		case xml.CharData:
			for _, e := range open[max(len(open)-2, 0):] { // a text, or the list that contains it
				e.text += show.Replace(string(token))
			}
		case xml.EndElement:
			if open[len(open)-1].tag == "template" {
				templates--
			}
			open = open[:len(open)-1]
		}
	}
}

// submit returns what a browser sends for an unchanged form.
func submit(t testing.TB, in *form.Input) url.Values {
	t.Helper()
	html, err := in.HTML()
	if err != nil {
		t.Fatal(err)
	}
	values := url.Values{}
	selected, first := "", true
	for _, e := range elements(t, html) {
		name, value := e.attributes["name"], e.attributes["value"]
		switch e.tag {
		case "input":
			if _, checked := e.attributes["checked"]; e.attributes["type"] == "checkbox" && !checked {
				continue
			}
			values.Add(name, value)
		case "textarea":
			values.Add(name, strings.ReplaceAll(strings.TrimPrefix(e.text, "\n"), "\n", "\r\n"))
		case "select":
			selected, first = name, true
		case "option":
			if _, chosen := e.attributes["selected"]; chosen || first {
				values.Set(selected, value)
			}
			first = false
		}
	}
	return values
}

// find returns the element with this name, or nil if there is none.
func find(t testing.TB, in *form.Input, name string) *element {
	t.Helper()
	html, err := in.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return named(elements(t, html), "name", name)
}

// named returns the element with an attribute, or nil if there is none.
func named(all []*element, attribute, value string) *element {
	for _, e := range all {
		if e.attributes[attribute] == value {
			return e
		}
	}
	return nil
}
