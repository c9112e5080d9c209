package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/signature"
)

// longest is the maximum length in bytes of a unique key or of a resource's name. A longer one is
// replaced by a hash (a key), or truncated and ends with a hash (a name).
const longest = 200

// A reader holds the limits for reading the arguments of jobs.
type reader struct {
	accepts codec.Set
	message int // maximum size of a body, in bytes
	decoded int // maximum size of a decoded body, in bytes
}

// terms returns the terms of a job. A job whose arguments do not fit the signature has no key and
// no resource: it fails when it runs. With a nil rule, the terms are empty.
func (r *rule) terms(ctx context.Context, from reader, body codec.Body) store.Terms {
	if r == nil {
		return store.Terms{}
	}
	t := store.Terms{Version: r.version}
	b := new(codec.Budget)
	b.Reset(ctx, from.decoded)
	defer b.Close()
	in := input{body: body, accepts: from.accepts, message: from.message, decoded: from.decoded, takes: r.sig.Takes()}
	args, err := in.read(b)
	if err != nil {
		return t
	}
	given, err := r.sig.Match(args, nil)
	if err != nil {
		return t
	}
	key, keyErr := r.key(given)
	resource, resourceErr := r.fill(given)
	if keyErr != nil || resourceErr != nil {
		return t
	}
	if r.unique != nil {
		t.UniqueKey, t.UniqueFor = key, r.lasts
	}
	t.Resource, t.Pass = resource, r.pass && resource != ""
	return t
}

// key returns the key of a job: its arguments as canonical JSON.
func (r *rule) key(given signature.Matched) (string, error) {
	var b strings.Builder
	b.WriteByte('[')
	for n, i := range r.unique {
		v, err := r.value(given, i)
		if err != nil {
			return "", err
		}
		if n > 0 {
			b.WriteByte(',')
		}
		if err := canonical(&b, v); err != nil {
			return "", err
		}
	}
	b.WriteByte(']')
	if key := b.String(); len(key) <= longest && !r.hidden {
		return key, nil
	}
	return "sha256:" + hash(b.String()), nil
}

// hash returns the hash of a text, in hexadecimal.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// fill returns the name of a job's resource.
func (r *rule) fill(given signature.Matched) (string, error) {
	var b strings.Builder
	for _, p := range r.resource {
		if p.param < 0 {
			b.WriteString(p.text)
			continue
		}
		v, err := r.value(given, p.param)
		if err != nil {
			return "", err
		}
		if text, ok := v.(string); ok {
			b.WriteString(text)
			continue
		}
		var part strings.Builder
		if err := canonical(&part, v); err != nil {
			return "", err
		}
		text := part.String()
		if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") || text == "null" {
			return "", fmt.Errorf("argument %s: must be a text, a number or a boolean", r.sig.Params[p.param].Name)
		}
		if unquoted, err := strconv.Unquote(text); err == nil {
			text = unquoted
		}
		b.WriteString(text)
	}
	name := strings.ReplaceAll(strings.ToValidUTF8(b.String(), "\uFFFD"), "\x00", "\uFFFD")
	if len(name) > longest {
		name = clip.Text(name, longest-20) + " " + hash(name)[:16]
	}
	if len(r.resource) > 0 {
		name = cmp.Or(name, `""`) // jobs without a name share one, and so run one after the other
	}
	return name, nil
}

// value returns the argument of a parameter, or its default.
func (r *rule) value(given signature.Matched, i int) (any, error) {
	switch p := r.sig.Params[i]; {
	case p.Kind == signature.Rest:
		list := []any{}
		for _, v := range given.Rest {
			var x any
			if err := v.Decode(&x); err != nil {
				return nil, err
			}
			list = append(list, x)
		}
		return list, nil
	case p.Kind == signature.Options:
		members := map[string]any{}
		for _, n := range given.Options {
			var x any
			if err := n.Value.Decode(&x); err != nil {
				return nil, err
			}
			members[n.Name] = x
		}
		return members, nil
	case given.Given[i] == nil:
		return p.Default, nil
	default:
		var x any
		err := given.Given[i].Decode(&x)
		return x, err
	}
}

// canonical writes a value as canonical JSON: objects are sorted, and each number has one notation,
// whole numbers without a fraction. Values that JSON does not have are written as package codec
// writes them.
func canonical(b *strings.Builder, value any) error {
	switch v := value.(type) {
	case json.Number:
		b.WriteString(number(string(v)))
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := canonical(b, x); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case map[string]any:
		b.WriteByte('{')
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := canonical(b, name); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := canonical(b, v[name]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	default:
		text, err := codec.JSON.Encode(v)
		if err != nil {
			return err
		}
		if text := string(text); text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') {
			b.WriteString(number(text)) // the default of a parameter
		} else {
			b.WriteString(text)
		}
	}
	return nil
}

// number returns the canonical notation of a number.
func number(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		if text == "-0" {
			return "0"
		}
		return text
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil:
		return text
	case f == math.Trunc(f) && math.Abs(f) < 1<<53:
		return strconv.FormatInt(int64(f), 10)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
