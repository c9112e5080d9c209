package constraint

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/internal/nearest"
)

// Keywords are the constraints of a rule in the terms of JSON Schema.
type Keywords struct {
	Enum      []any       // strings and json.Numbers
	Minimum   json.Number // of a number; "" means none
	Maximum   json.Number
	MinLength *int // in characters
	MaxLength *int
	Pattern   string
	Format    string

	// Numeric and Textual say whether values may be JSON numbers, and strings. The minimum and the
	// maximum of a string apply to the number in it. Some types accept both.
	Numeric, Textual bool
}

// keys are the tag keys that form a rule, in the order of their faults.
var keys = []string{"enum", "min", "max", "minLength", "maxLength", "pattern", "format"}

// Of returns the rule of a field with this tag and type, or nil if the tag has no constraints. The
// error joins all mistakes in them.
func Of(tag reflect.StructTag, t reflect.Type) (*Rule, error) {
	r := &Rule{leaf: leafOf(t)}
	r.Textual = r.leaf.kind == text || isDecimalType(r.leaf.typ)
	r.Numeric = r.leaf.kind != text
	var mistakes []error
	constrained := false
	for _, key := range keys {
		value, ok := tag.Lookup(key)
		if !ok {
			continue
		}
		constrained = true
		for _, mistake := range Split(r.set(key, value, tag.Get("format"))) {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", key, mistake))
		}
	}
	if !constrained {
		return nil, nil
	}
	if _, options, _ := strings.Cut(tag.Get("json"), ","); strings.Contains(","+options+",", ",string,") {
		mistakes = append(mistakes, errors.New(`the option "string" of json: a value in a string cannot have constraints: remove one of them`))
	}
	if mistakes == nil {
		mistakes = append(mistakes, r.contradictions()...)
	}
	return r, errors.Join(mistakes...)
}

// New returns the rule for the keywords of a schema, for values of type t. It ignores Numeric and
// Textual. If t cannot have some of the keywords, the error joins them, and the rule has the
// others.
func New(k Keywords, t reflect.Type) (*Rule, error) {
	r := &Rule{leaf: leafOf(t)}
	var mistakes []error
	set := func(key, value string) {
		if value == "" {
			return
		}
		if err := r.set(key, value, k.Format); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", key, err))
		}
	}
	if k.Enum != nil {
		values := make([]string, len(k.Enum))
		for i, one := range k.Enum {
			values[i] = fmt.Sprint(one)
		}
		if err := r.setValues(values); err != nil {
			mistakes = append(mistakes, fmt.Errorf("enum: %w", err))
		}
	}
	set("min", string(k.Minimum))
	set("max", string(k.Maximum))
	if k.MinLength != nil {
		set("minLength", strconv.Itoa(*k.MinLength))
	}
	if k.MaxLength != nil {
		set("maxLength", strconv.Itoa(*k.MaxLength))
	}
	set("pattern", k.Pattern)
	set("format", k.Format)
	return r, errors.Join(mistakes...)
}

// set adds the constraint of a key.
func (r *Rule) set(key, value, format string) error {
	kind := r.leaf.kind
	if kind == text && format == "decimal" && (key == "min" || key == "max") {
		kind = digital
	}
	switch key {
	case "enum":
		return r.setEnum(value)
	case "min", "max":
		return r.setLimit(key, value, kind)
	}
	if kind != text {
		return r.misplaced("strings")
	}
	switch key {
	case "minLength", "maxLength":
		return r.setLength(key, value)
	case "pattern":
		return r.setPattern(value)
	}
	return r.setFormat(value)
}

// misplaced returns an error if the field's type cannot have the constraint.
func (r *Rule) misplaced(whose string) error {
	return fmt.Errorf("is for %s, not for %s: remove it", whose, r.leaf.typ)
}

func (r *Rule) setEnum(list string) error {
	values := strings.Split(list, ",")
	for i, one := range values {
		values[i] = strings.TrimSpace(one)
	}
	return r.setValues(values)
}

func (r *Rule) setValues(values []string) error {
	if k := r.leaf.kind; k != text && k != signed && k != unsigned && k != float {
		return r.misplaced("strings and numbers")
	}
	var mistakes []error
	allowed := map[any]bool{}
	var shown []string
	for _, one := range values {
		v := reflect.New(r.leaf.typ).Elem()
		switch {
		case one == "":
			mistakes = append(mistakes, errors.New(`a value is empty: write the values with commas between them, as in enum:"a,b"`))
			continue
		case !setText(v, one):
			mistakes = append(mistakes, fmt.Errorf("%q does not fit %s: remove it", one, r.leaf.typ))
			continue
		case allowed[plain(v)]:
			mistakes = append(mistakes, fmt.Errorf("%q is in it twice: remove one", one))
			continue
		}
		allowed[plain(v)] = true
		if r.leaf.kind == text {
			r.Enum, shown = append(r.Enum, one), append(shown, strconv.Quote(one))
		} else {
			r.Enum, shown = append(r.Enum, jsonNumberOf(v)), append(shown, one)
		}
	}
	r.add(oneOf(shown), memberTest(r.leaf.kind, allowed))
	return errors.Join(mistakes...)
}

// shownValues limits the values of an enum in a message.
const shownValues = 20

func oneOf(values []string) string {
	message := "must be one of "
	if len(values) == 1 {
		message = "must be "
	}
	if len(values) > shownValues {
		return message + strings.Join(values[:shownValues], ", ") + ", …"
	}
	return message + strings.Join(values, ", ")
}

// memberTest returns a function that reports whether a value is allowed. The function does not
// allocate.
func memberTest(k kind, allowed map[any]bool) func(reflect.Value) bool {
	switch k {
	case signed:
		set := setOf[int64](allowed)
		return func(v reflect.Value) bool { return set[v.Int()] }
	case unsigned:
		set := setOf[uint64](allowed)
		return func(v reflect.Value) bool { return set[v.Uint()] }
	case float:
		set := setOf[float64](allowed)
		return func(v reflect.Value) bool { return set[v.Float()] }
	}
	set := setOf[string](allowed)
	return func(v reflect.Value) bool { return set[v.String()] }
}

func setOf[T comparable](all map[any]bool) map[T]bool {
	set := make(map[T]bool, len(all))
	for v := range all {
		set[v.(T)] = true
	}
	return set
}

// plain returns v as an int64, a uint64, a float64 or a string.
func plain(v reflect.Value) any {
	switch kindOf(v.Type()) {
	case signed:
		return v.Int()
	case unsigned:
		return v.Uint()
	case float:
		return v.Float()
	}
	return v.String()
}

// setText sets v to the value in text. It returns false if the type cannot represent that value.
func setText(v reflect.Value, text string) bool {
	switch kindOf(v.Type()) {
	case signed:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	case unsigned:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return err == nil
	case float:
		n, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(n)
		return err == nil && isDecimal(text)
	}
	v.SetString(text)
	return true
}

// jsonNumberOf returns a number in JSON's notation.
func jsonNumberOf(v reflect.Value) json.Number {
	if kindOf(v.Type()) == float {
		return json.Number(strconv.FormatFloat(v.Float(), 'g', -1, v.Type().Bits()))
	}
	return json.Number(fmt.Sprint(v.Interface()))
}

// setLimit adds a minimum or a maximum.
func (r *Rule) setLimit(key, value string, k kind) error {
	if k == text {
		return fmt.Errorf(`is for numbers, not for %s: use %sLength for the number of characters, or add format:"decimal" for a number in a string`, r.leaf.typ, key)
	}
	if k == other {
		return r.misplaced("numbers")
	}
	limit := reflect.New(r.leaf.typ).Elem()
	exact, isNumber := parseDecimal(value)
	if !isNumber || k != digital && !setText(limit, value) {
		return fmt.Errorf("%q does not fit %s: write a number that it can have", value, r.leaf.typ)
	}
	minimum, message := key == "min", "must be at most "+value
	if minimum {
		message = "must be at least " + value
	}
	r.add(message, limitTest(k, limit, exact, minimum))
	n := json.Number(value)
	if k != digital {
		n = jsonNumberOf(limit)
	}
	if minimum {
		r.Minimum = n
	} else {
		r.Maximum = n
	}
	return nil
}

// limitTest returns a function that reports whether a value is within a limit. NaN never is.
func limitTest(k kind, limit reflect.Value, exact decimal, minimum bool) func(reflect.Value) bool {
	switch k {
	case signed:
		n := limit.Int()
		if minimum {
			return func(v reflect.Value) bool { return v.Int() >= n }
		}
		return func(v reflect.Value) bool { return v.Int() <= n }
	case unsigned:
		n := limit.Uint()
		if minimum {
			return func(v reflect.Value) bool { return v.Uint() >= n }
		}
		return func(v reflect.Value) bool { return v.Uint() <= n }
	case float:
		n := limit.Float()
		if minimum {
			return func(v reflect.Value) bool { return v.Float() >= n }
		}
		return func(v reflect.Value) bool { return v.Float() <= n }
	}
	sign := -1
	if minimum {
		sign = 1
	}
	return func(v reflect.Value) bool {
		d, ok := parseDecimal(strings.TrimSpace(v.String()))
		return ok && d.compare(&exact)*sign >= 0
	}
}

func (r *Rule) setLength(key, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > math.MaxInt32 {
		return errors.New("must be an integer of at least 0")
	}
	characters := fmt.Sprintf("%d characters", n)
	if n == 1 {
		characters = "1 character"
	}
	if key == "minLength" {
		r.MinLength = &n
		r.add("must have at least "+characters, func(v reflect.Value) bool { return len(v.String()) >= n && length(v.String()) >= n })
	} else {
		r.MaxLength = &n
		r.add("must have at most "+characters, func(v reflect.Value) bool { return len(v.String()) <= n || length(v.String()) <= n })
	}
	return nil
}

func (r *Rule) setPattern(value string) error {
	if value == "" {
		return errors.New("must not be empty: remove it, or write a regular expression")
	}
	re, err := regexp.Compile(value)
	if err != nil {
		return fmt.Errorf("is not a regular expression of Go (RE2): %w", err)
	}
	r.Pattern = value
	r.add("must match "+value, func(v reflect.Value) bool { return re.MatchString(v.String()) })
	return nil
}

func (r *Rule) setFormat(value string) error {
	var names []string
	for _, f := range formats {
		if f.name == value {
			r.Format = value
			r.add(f.message, func(v reflect.Value) bool { return f.test(v.String()) })
			return nil
		}
		names = append(names, f.name)
	}
	remedy := "the formats are " + strings.Join(names, ", ")
	if near := nearest.Likely(value, names); near != "" {
		remedy = "did you mean " + near + "?"
	}
	return fmt.Errorf("unknown format %q: %s", value, remedy)
}

// contradictions returns an error for each pair of constraints that no value can satisfy.
func (r *Rule) contradictions() (mistakes []error) {
	least, _ := parseDecimal(string(r.Minimum))
	most, _ := parseDecimal(string(r.Maximum))
	switch {
	case r.Minimum != "" && r.Maximum != "" && least.compare(&most) > 0:
		mistakes = append(mistakes, fmt.Errorf("min %s is greater than max %s: no value fits", r.Minimum, r.Maximum))
	case r.MinLength != nil && r.MaxLength != nil && *r.MinLength > *r.MaxLength:
		mistakes = append(mistakes, fmt.Errorf("minLength %d is greater than maxLength %d: no value fits", *r.MinLength, *r.MaxLength))
	}
	return mistakes
}

func (r *Rule) add(message string, test func(reflect.Value) bool) {
	r.checks = append(r.checks, check{test, message})
}
