package form

import (
	"embed"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.html"))

// Script returns a script in JavaScript that adds and removes rows without a request. Serve it as a
// separate file with the type text/javascript, so that a Content-Security-Policy needs no
// 'unsafe-inline'. Without the script, the buttons that add and remove rows submit the form.
func Script() string {
	script, _ := files.ReadFile("templates/form.js") // never fails: the file is embedded
	return string(script)
}

// Limits of the rows that the script copies.
const (
	maxPrototypeDepth  = 2    // of rows in rows
	maxPrototypeFields = 2000 // in all rows
)

// HTML returns the fields of the form, without the element <form> and without the buttons that
// submit it, which the page adds. It is safe in any page: foreign texts are escaped, there are
// neither scripts nor styles, and sensitive values are omitted.
func (in *Input) HTML() (template.HTML, error) {
	r := renderer{spare: maxPrototypeFields}
	page := view{
		Signature: in.form.signature(),
		Changes:   in.changes,
		Faults:    in.faults,
		Children:  r.all(in.root.children, 0),
	}
	in.root.walk(func(n *node) {
		for _, message := range n.faults {
			page.Summary = append(page.Summary, link{n.id(), n.full() + ": " + message})
		}
		page.Focus = page.Focus || n.focus
	})
	page.Count = len(page.Summary) + len(page.Faults)
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, "form", &page); err != nil {
		return "", fmt.Errorf("form: %w", err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // the template has escaped it
}

// A view is the data of a form, or of a node, for the templates.
type view struct {
	Signature string
	Changes   []Change
	Summary   []link
	Count     int

	Control           string // the name of a template
	Type              string // of an input
	Name, ID          string
	Label, Help, Hint string
	Required, Must    bool // marked as required; the browser requires a value
	Bare              bool // its label is for screen readers only
	Focus             bool
	Faults            []string
	Described         string
	Value             string
	Zone              []choice
	Empty             []choice // the possible meanings if it is empty
	EmptyHidden       string
	EmptyName         string
	Options           []choice
	Limits            limits
	Lines             int

	Children           []*view
	Rows               []*view
	Prototype          *view
	Token              string
	Next, Most         int
	Optional, Full     bool
	IsMap, Raw, Nested bool
	Key                *view
	Add, Remove        string // names of buttons
	RowName, Row       string
	Step               string
}

// limits are attributes of an input. Empty ones are omitted.
type limits struct {
	Min, Max, Step, MinLength, MaxLength, Pattern, InputMode, Placeholder, Autocomplete string
}

type link struct{ ID, Text string }

type choice struct {
	Value, Text string
	Selected    bool
}

// A renderer creates the views of nodes.
type renderer struct{ spare int }

func (r *renderer) all(nodes []*node, level int) (views []*view) {
	for _, n := range nodes {
		views = append(views, r.node(n, level))
	}
	return views
}

// node returns the view of a node inside the given number of rows for the script.
func (r *renderer) node(n *node, level int) *view {
	v := &view{
		Name: n.path(), ID: n.id(), Label: n.label, Help: n.help, Faults: n.faults, Focus: n.focus,
		Bare: n.isRow(), EmptyName: prefixEmpty + n.path(),
	}
	v.Required = n.required && n.nothingIsMissing()
	if empties := n.empties(); n.isLeaf() && !n.raw && n.shape.kind == kindText && len(empties) > 1 && !(n.fallback != nil && !n.shape.nullable) {
		for _, one := range empties {
			v.Empty = append(v.Empty, choice{one, emptyTexts[one], one == n.empty})
		}
	} else if n.empty != empties[0] {
		v.EmptyHidden = n.empty
	}
	if n.isLeaf() {
		v.leaf(n)
	} else {
		r.group(v, n, level)
	}
	v.describe()
	return v
}

var emptyTexts = map[string]string{
	emptyAbsent: "leave it out",
	emptyNull:   "send null",
	emptyText:   "send an empty text",
}

// describe sets the elements that explain the field.
func (v *view) describe() {
	var ids []string
	if v.Help != "" || v.Hint != "" {
		ids = append(ids, v.ID+":help")
	}
	if len(v.Faults) > 0 {
		ids = append(ids, v.ID+":fault")
	}
	v.Described = strings.Join(ids, " ")
}

// nothingIsMissing reports whether an empty field is a missing value.
func (n *node) nothingIsMissing() bool {
	return n.isLeaf() && !n.isCheckbox() && !slices.ContainsFunc(n.empties(), func(one string) bool { return one != emptyAbsent })
}

// leaf fills in the view of a node that has one input.
func (v *view) leaf(n *node) {
	s := n.shape
	v.Value, v.Must = n.text, v.Required
	l := &s.leaf
	if s.kind != kindJSON || n.raw {
		v.Hint = sentence(l.describe(), v.Required)
	}
	switch {
	case s.secret:
		v.Control, v.Type, v.Value = "input", "password", ""
		v.Limits.Autocomplete = "new-password"
		v.Hint = strings.TrimSpace(v.Hint + " It is not shown again.")
		if n.raw {
			v.Name, v.Hint = prefixJSON+v.Name, "Written as JSON. It is not shown again."
		}
	case n.raw:
		v.Control, v.Raw, v.Name = "textarea", true, prefixJSON+v.Name
		v.Hint = strings.TrimSpace(v.Hint + " Written as JSON.")
	case s.kind == kindBool && n.isCheckbox():
		v.Control, v.Must = "checkbox", false
	case s.kind == kindBool:
		v.Control, v.Options = "select", choices(n, []option{{text: "true"}, {text: "false"}})
	case s.kind == kindChoice:
		v.Control, v.Options = "select", choices(n, l.options)
	case s.kind == kindNumber:
		v.number(l)
	case s.kind == kindText:
		v.text(l)
	default:
		v.time(n)
	}
	if v.Control == "textarea" {
		v.Lines = min(max(strings.Count(v.Value, "\n")+1, 3), 20)
	}
}

// sentence returns limits as a sentence, except that a required text is not empty.
func sentence(limits string, required bool) string {
	if required {
		limits = strings.TrimPrefix(strings.TrimPrefix(limits, "at least 1 character"), ", ")
	}
	switch {
	case limits == "":
		return ""
	case !strings.Contains(limits, "matches "): // a full stop would seem to be part of the pattern
		limits += "."
	}
	return strings.ToUpper(limits[:1]) + limits[1:]
}

// choices returns the options of a list, including an empty one if that is allowed.
func choices(n *node, options []option) (all []choice) {
	if !slices.ContainsFunc(options, func(o option) bool { return o.text == n.text }) || !n.nothingIsMissing() {
		all = append(all, choice{"", "", n.text == ""})
	}
	for _, o := range options {
		shown := o.text
		switch {
		case n.shape.kind != kindBool:
		case o.text == "true":
			shown = "yes"
		default:
			shown = "no"
		}
		all = append(all, choice{o.text, shown, o.text == n.text})
	}
	return all
}

func (v *view) number(l *leaf) {
	v.Control, v.Type = "input", "number"
	v.Limits.Step = "any"
	if l.whole {
		v.Limits.Step = "1"
	}
	v.Limits.Min = limit(l.keywords.Minimum)
	v.Limits.Max = limit(l.keywords.Maximum)
	if v.Value != "" && !browserNumber.MatchString(v.Value) {
		v.Type = "text" // the browser would discard the value
	}
}

// browserNumber matches the values that <input type="number"> keeps.
var browserNumber = regexp.MustCompile(`^-?(\d+(\.\d+)?|\.\d+)([eE][+-]?\d{1,2})?$`)

// longText is the number of characters from which a text gets several lines.
const longText = 120

func (v *view) text(l *leaf) {
	k := &l.keywords
	v.Control, v.Type = "input", l.input
	long := k.MaxLength != nil && *k.MaxLength > longText
	if l.input == "text" && l.format == "" && long || strings.Contains(v.Value, "\n") || len(v.Value) > longText {
		v.Control = "textarea"
	}
	if k.MinLength != nil && *k.MinLength > 0 {
		v.Limits.MinLength = strconv.Itoa(*k.MinLength)
	}
	if k.MaxLength != nil && *k.MaxLength < 1<<20 {
		v.Limits.MaxLength = strconv.Itoa(2 * *k.MaxLength) // a browser counts a character beyond U+FFFF as two
	}
	if v.Control == "textarea" {
		return
	}
	if portable(k.Pattern) {
		v.Limits.Pattern = ".*(?:" + k.Pattern + ").*" // a browser matches the whole text
	}
	switch l.format {
	case "decimal":
		v.Limits.InputMode = "decimal"
	case "uuid":
		v.Limits.Pattern = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
		v.Limits.Placeholder = "00000000-0000-0000-0000-000000000000"
	}
}

// different matches parts of regular expressions that browsers interpret differently from Go.
var different = regexp.MustCompile(`\[\[|\[:|&&|\(\?|\\[^dwDW.^$|?*+()\[\]{}/\\-]`)

// portable reports whether browsers interpret a pattern like Go.
func portable(pattern string) bool { return pattern != "" && !different.MatchString(pattern) }

// time fills in the view of a picker, or of a text if a picker cannot hold the value.
func (v *view) time(n *node) {
	v.Control, v.Type = "input", "text"
	switch n.shape.kind {
	case kindDate:
		if v.Value == "" || pickedDay.MatchString(v.Value) {
			v.Type = "date"
		}
		return
	case kindTime:
		if v.Value == "" || pickedHour.MatchString(v.Value) {
			v.Type = "time"
			v.Limits.Step = step(v.Value)
		}
		return
	}
	if n.zone == "" {
		v.Hint = "Such as 2024-01-02T03:04:05+01:00."
		return
	}
	v.Control, v.Type = "moment", "datetime-local"
	v.Limits.Step = step(v.Value)
	all := slices.Clone(offsets)
	if n.shape.leaf.naive {
		all = append(all, noZone)
	}
	if !slices.Contains(all, n.zone) {
		all = append(all, n.zone)
	}
	for _, one := range all {
		shown := "UTC" + one
		switch one {
		case "Z":
			shown = "UTC"
		case noZone:
			shown = "no offset"
		}
		v.Zone = append(v.Zone, choice{one, shown, one == n.zone})
	}
}

// step returns the step of a picker: seconds, or less if the value has a fraction.
func step(value string) string {
	if strings.Contains(value, ".") {
		return "0.001"
	}
	return "1"
}
