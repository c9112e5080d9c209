package contract

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/nearest"
	"github.com/gomeko/gomeko/internal/printable"
)

// Only returns the document with only the rows of one method, given by its name for callers, the
// name of its row, or the name of the Go method. The error says which methods there are.
func (d *Document) Only(method string) (*Document, error) {
	one := *d
	one.Uses, one.Dispatches, one.Rows = []Use{}, []Event{}, nil
	var calls, names []string
	for _, r := range d.Rows {
		if slices.Contains([]string{r.Call, r.Name, r.Method}, method) {
			one.Rows = append(one.Rows, r)
		}
		calls, names = append(calls, r.Call), append(names, r.Call, r.Name, r.Method)
	}
	if one.Rows != nil {
		one.Definitions = map[string]*codec.Schema{}
		for _, s := range one.schemas() {
			d.collect(s, one.Definitions)
		}
		return &one, nil
	}
	slices.Sort(calls)
	remedy := "its methods are " + strings.Join(slices.Compact(calls), ", ")
	if len(calls) == 0 {
		remedy = "it has none"
	} else if near := nearest.Likely(method, names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return nil, fmt.Errorf("service %s has no method %s: %s", d.Service, method, remedy)
}

// schemas returns the schemas of the document, without those that they refer to.
func (d *Document) schemas() (all []*codec.Schema) {
	for _, r := range d.Rows {
		for _, p := range r.Parameters {
			all = append(all, p.Schema)
		}
		all = append(all, r.Result)
	}
	for _, e := range d.Dispatches {
		all = append(all, e.Payload)
	}
	return all
}

// collect adds to found the definitions of d that s refers to.
func (d *Document) collect(s *codec.Schema, found map[string]*codec.Schema) {
	if s == nil {
		return
	}
	if name := referred(s); name != "" && found[name] == nil && d.Definitions[name] != nil {
		found[name] = d.Definitions[name]
		d.collect(found[name], found)
	}
	for _, inner := range append(slices.Clone(s.AnyOf), s.Items, s.AdditionalProperties, s.PropertyNames) {
		d.collect(inner, found)
	}
	for _, p := range s.Properties {
		d.collect(p.Schema, found)
	}
}

// referred returns the name of the definition that s refers to, or "".
func referred(s *codec.Schema) string {
	name, ok := strings.CutPrefix(s.Ref, "#/$defs/")
	if !ok {
		return ""
	}
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// A printer prints documents. Their texts may come from another process, so it escapes what would
// control a terminal.
type printer struct {
	out   io.Writer
	block [][]string // cells that are aligned with each other
	err   error      // the first of out
}

// Print prints the document for people.
func (d *Document) Print(out io.Writer) error {
	p := &printer{out: printable.NewWriter(out, printable.Lines)}
	p.line("%s", strings.TrimSpace(d.Service+" "+d.Version))
	p.text("  ", d.Doc)
	for i := range d.Rows {
		p.row(&d.Rows[i])
	}
	if len(d.Uses) > 0 {
		p.line("\nuses")
		for _, u := range d.Uses {
			p.cells("  "+u.Name, u.Type, facts(u.Uses), u.Doc)
		}
	}
	if len(d.Dispatches) > 0 {
		p.line("\ndispatches")
		for _, e := range d.Dispatches {
			p.cells("  "+e.Type, spelled(e.Payload))
		}
	}
	p.types(d.Definitions)
	p.flush()
	return p.err
}

// row prints a row: its signature, and below it texts, parameters, result, errors and limits.
func (p *printer) row(r *Row) {
	p.line("\n%s %s", r.Kind, r.Signature)
	p.text("    ", r.Title)
	p.text("    ", r.Doc)
	p.text("    ", r.Text)
	for i := range r.Parameters {
		param := &r.Parameters[i]
		p.cells("    "+param.Name, spelled(param.Schema), presence(param), param.In, param.Doc)
	}
	if r.Result != nil {
		streamed := ""
		if r.Stream {
			streamed = ", or a stream of its elements"
		}
		p.cells("    returns", spelled(r.Result)+streamed)
	}
	for _, e := range r.Errors {
		status := ""
		if e.Status != 0 {
			status = fmt.Sprintf(" (HTTP status %d)", e.Status)
		}
		p.cells("    fails with", e.Path+": "+e.Text+status)
	}
	if text := facts(r.Listens); text != "" {
		p.cells("    listens to", text)
	}
	var limits []string
	if r.Timeout > 0 {
		limits = append(limits, "timeout "+time.Duration(r.Timeout*float64(time.Second)).String())
	}
	if r.MaxWorkers > 0 {
		limits = append(limits, fmt.Sprintf("%d at once", r.MaxWorkers))
	}
	if r.Retry != "" {
		limits = append(limits, "retried after "+r.Retry)
	}
	if r.Allow != "" {
		confirmed := ""
		if r.Confirm {
			confirmed = ", who confirm it"
		}
		p.cells("    allowed to", r.Allow+confirmed)
	}
	if len(limits) > 0 {
		p.cells("    limits", strings.Join(limits, ", "))
	}
}

// presence says whether a parameter must be given, and its default.
func presence(p *Parameter) string {
	value := string(p.Default)
	switch {
	case p.Kind == "rest":
		return "any number"
	case p.Kind == "options":
		return "by any name"
	case p.Required:
		value = "required"
	case value != "" && !p.Sensitive:
		value = "= " + value
	default:
		value = "optional"
	}
	if p.Sensitive {
		value += ", sensitive"
	}
	return value
}

// types prints the definitions.
func (p *printer) types(all map[string]*codec.Schema) {
	if len(all) > 0 {
		p.line("\ntypes")
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] == nil {
			continue
		}
		p.line("  %s  %s", name, strings.TrimSpace(spell(all[name], true)+"  "+all[name].Description))
		p.members(all[name])
	}
}

func (p *printer) members(s *codec.Schema) {
	for _, m := range s.Properties {
		if m.Schema == nil {
			continue
		}
		presence := "optional"
		if slices.Contains(s.Required, m.Name) {
			presence = "required"
		} else if len(m.Schema.Default) > 0 {
			presence = "= " + string(m.Schema.Default)
		}
		if m.Schema.Sensitive {
			presence += ", sensitive"
		}
		p.cells("    "+m.Name, spelled(m.Schema), presence, m.Schema.Description)
	}
}

// line prints a line that is not aligned with the others.
func (p *printer) line(format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = printable.Text(text)
		}
	}
	p.flush()
	p.print(format+"\n", args...)
}

func (p *printer) print(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); p.err == nil {
		p.err = err
	}
}

// text prints a text of several lines.
func (p *printer) text(indent, text string) {
	if text == "" {
		return
	}
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		p.line("%s", indent+line)
	}
}

// cells prints cells that are aligned with those of the lines around it.
func (p *printer) cells(cells ...string) {
	for i := range cells {
		cells[i] = printable.Text(cells[i])
	}
	p.block = append(p.block, cells)
}

// flush prints the cells. The last one of a line may be longer than its column.
func (p *printer) flush() {
	widths := map[int]int{}
	for _, cells := range p.block {
		for i, cell := range cells[:len(cells)-1] {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, cells := range p.block {
		var line strings.Builder
		for i, cell := range cells {
			line.WriteString(cell)
			if widths[i] > 0 {
				line.WriteString(strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(cell))+2))
			}
		}
		p.print("%s\n", strings.TrimRight(line.String(), " "))
	}
	p.block = nil
}

// facts spells what an extension says, in alphabetical order of the names.
func facts(all map[string]any) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value := all[name]
		if many, ok := value.([]any); ok { // from JSON
			var texts []string
			for _, one := range many {
				texts = append(texts, fmt.Sprint(one))
			}
			value = texts
		}
		if many, ok := value.([]string); ok {
			value = strings.Join(many, ", ")
		}
		list = append(list, fmt.Sprintf("%s %v", name, value))
	}
	return strings.Join(list, ", ")
}

// spelled spells a schema as a type.
func spelled(s *codec.Schema) string { return spell(s, false) }

// members spells the members of an object whose type has no name.
func members(s *codec.Schema) string {
	list := make([]string, len(s.Properties))
	for i, p := range s.Properties {
		list[i] = p.Name + ": " + spelled(p.Schema)
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// spell spells a schema. The members of a definition are printed below it.
func spell(s *codec.Schema, defined bool) string {
	if s == nil { // a schema from elsewhere may lack anything
		return "any"
	}
	var types []string
	for i, t := range s.Type {
		switch {
		case slices.Contains(s.Type[:i], t): // spelled again at each depth, a schema from elsewhere would never end
		case t == "array":
			types = append(types, "list of "+spelled(s.Items))
		case t == "object" && len(s.Properties) > 0 && !defined:
			types = append(types, members(s))
		case t == "object" && s.AdditionalProperties != nil && len(s.Properties) == 0:
			types = append(types, "object of "+spelled(s.AdditionalProperties))
		case t != "null" || len(s.Type) == 1:
			types = append(types, t)
		case !slices.Contains(s.Type, "array") && !slices.Contains(s.Type, "object"): // every list may be null
			types = append(types, t)
		}
	}
	for _, one := range s.AnyOf {
		types = append(types, spelled(one))
	}
	switch {
	case s.Ref != "":
		return referred(s)
	case s.Not != nil:
		return "nothing"
	case s.Const != nil:
		text, err := json.Marshal(s.Const)
		if err == nil {
			return string(text)
		}
	case s.ContentEncoding != "":
		return s.ContentEncoding
	case len(types) == 0:
		return "any" + demands(s)
	}
	return strings.Join(types, " or ") + demands(s)
}
