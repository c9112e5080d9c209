// Package secret recognizes secrets by the names of their keys and by their form, and masks them in
// output. It may mask too much: a value hidden by mistake costs less than a password in a log.
package secret

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Hidden replaces a secret in output.
const Hidden = "**"

// Words at the end of a key whose value is secret. The words of the first list are often joined
// with the word before them, as in dbpassword.
var (
	endings = []string{
		"password", "passwords", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "tokens",
		"credential", "credentials", "apikey", "apikeys", "accesskey", "secretkey", "privatekey", "authorization",
	}
	last = []string{
		"pass", "pw", "auth", "cookie", "cookies", "dsn", "jwt", "bearer", "otp", "pin", "signature", "sig", "sessionid", "sid",
		"dbpass", "dbpasswd", "userpass", "creds", "cred", "passwordhash",
	}
	beforeKey = []string{
		"secret", "access", "api", "private", "signing", "signature", "encryption", "encrypt", "auth", "master", "account",
		"shared", "session", "ssh", "license", "hmac", "jwt", "webhook",
	}
	beforeID = []string{"session"}
)

// Key reports whether the value of a key is secret, such as password, api_keys, jwtSecret, or
// DB_PASS.
func Key(name string) bool {
	all := words(name)
	if len(all) == 0 {
		return false
	}
	word, before := all[len(all)-1], ""
	if len(all) > 1 {
		before = all[len(all)-2]
	}
	switch {
	case word == "key" || word == "keys":
		return slices.Contains(beforeKey, before)
	case word == "id":
		return slices.Contains(beforeID, before)
	case word == "string" && before == "connection", word == "base" && before == "key":
		return true
	}
	return slices.Contains(last, word) || slices.ContainsFunc(endings, func(end string) bool { return strings.HasSuffix(word, end) })
}

// words splits a key into words in lower case. Words end before capitals, and at characters that
// are neither letters nor digits.
func words(name string) []string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteByte(' ')
			continue
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) ||
			i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}

const (
	// names matches keys in a text that are followed by a secret value.
	names = `(?:[\w-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|signature|authorization)|\bpass|\bsig|\bdsn|\bcookie)`

	// value matches a value in a text: in quotes, or up to a separator.
	value = `('[^']*'|"[^"]*"|[^\s;,&'"]+)`
)

// A shape is a form of secret in text. The replacement is the part that remains visible.
type shape struct {
	hints       []string // in lower case; every match contains one of them
	pattern     *regexp.Regexp
	replacement string
	confirm     func(match string) bool // nil accepts all matches
}

// prefixes are those of keys of GitHub, GitLab, Slack, Stripe, OpenAI, Google, npm and SendGrid.
var prefixes = []string{
	"gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "xox", "sk_", "rk_", "sk-", "aiza", "npm_", "sg.",
}

var shapes = []shape{
	{[]string{"-----begin"}, regexp.MustCompile(`(?s)(-----BEGIN [^-\n]+-----).*?(-----END [^-\n]+-----|$)`), "${1}" + Hidden + "${2}", nil},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*`), Hidden, nil},
	{[]string{"akia", "asia", "abia", "acca"}, regexp.MustCompile(`\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b`), Hidden, nil},
	{prefixes, regexp.MustCompile(`\b(?:gh[opsru]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abeprs]-[\w-]{8,}|[rs]k_(?:live|test)_\w{8,}|sk-[\w-]{20,}|AIza[\w-]{30,}|npm_\w{30,}|SG\.[\w-]{16,}\.[\w-]{16,})`), Hidden, nil},
	{[]string{"bearer"}, regexp.MustCompile(`(?i)\b(bearer)\s+[\w.~+/=-]{6,}`), "$1 " + Hidden, isToken},
	{[]string{"token"}, regexp.MustCompile(`(?i)\b(token)\s+[\w.~+/=-]{16,}`), "$1 " + Hidden, isToken},
	{[]string{"basic"}, regexp.MustCompile(`(?i)\b(basic)\s+[A-Za-z0-9+/_-]+=*`), "$1 " + Hidden, isBasic},
	{[]string{"://"}, regexp.MustCompile(`(https?://)[^\s:/@]{16,}@`), "${1}" + Hidden + "@", nil},
	{[]string{`":`, `':`, `" :`, `' :`}, regexp.MustCompile(`(?i)(["']` + names + `["']\s*:\s*)("(?:[^"\\]|\\.)*"|'[^']*'|[^\s,}\]]+)`), `${1}"` + Hidden + `"`, nil},
	{[]string{"="}, regexp.MustCompile(`(?i)(` + names + `\s*=\s*)` + value), "${1}" + Hidden, nil},
	{[]string{"authorization", "cookie", "x-api-key"}, regexp.MustCompile(`(?i)(\b(?:authorization|cookie|set-cookie|x-api-key)\s*:\s*)[^\s"'][^\n"']*`), "${1}" + Hidden, nil},
}

// isToken reports whether the last word of a match looks like a token rather than a word in a
// sentence.
func isToken(match string) bool {
	fields := strings.Fields(match)
	word := strings.TrimRight(fields[len(fields)-1], ".")
	return len(word) >= 20 || strings.ContainsAny(word, "0123456789+/=_~.")
}

// isBasic reports whether the last word of a match is user:password in base64.
func isBasic(match string) bool {
	fields := strings.Fields(match)
	word := strings.TrimRight(fields[len(fields)-1], "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if text, err := encoding.DecodeString(word); err == nil && strings.Contains(string(text), ":") {
			return true
		}
	}
	return false
}

var (
	// next matches the start of a further URI in a list, and password the user and password of a
	// URI.
	next     = regexp.MustCompile(`[\s;,]+[\w+.-]+://`)
	password = regexp.MustCompile(`(://[^\s:/@]*):\S*@`)

	// login matches user:password@ without a scheme, as in the addresses of MySQL's driver.
	login = regexp.MustCompile(`^([^\s:/@]+):/?[^/\s]\S*@`)

	// whole matches a text that only consists of a scheme and a token.
	whole = regexp.MustCompile(`(?i)^\s*(bearer|basic|token|digest|negotiate|apikey)\s+\S+\s*$`)
)

// Mask returns s with all secrets that it recognizes replaced by **: passwords in URIs and after
// password= and the like, PEM blocks, HTTP tokens, JWTs, and keys with a known prefix.
func Mask(s string) string {
	if !mayHold(s) {
		return s
	}
	if strings.Contains(s, " ") {
		if m := whole.FindStringSubmatch(s); m != nil {
			return m[1] + " " + Hidden
		}
	}
	if strings.Contains(s, "@") {
		s = maskURIs(s)
	}
	lower := strings.ToLower(s)
	for _, shape := range shapes {
		if !slices.ContainsFunc(shape.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			continue
		}
		if shape.confirm == nil {
			s = shape.pattern.ReplaceAllString(s, shape.replacement)
			continue
		}
		s = shape.pattern.ReplaceAllStringFunc(s, func(match string) string {
			if !shape.confirm(match) {
				return match
			}
			return shape.pattern.ReplaceAllString(match, shape.replacement)
		})
	}
	return s
}

// mayHold reports whether s may contain a secret. It is fast for names and ids, which are frequent
// in logs.
func mayHold(s string) bool {
	for i := range len(s) {
		starts := func(prefix string) bool { return strings.HasPrefix(s[i:], prefix) }
		found := false
		switch s[i] {
		case ' ', '\n', '@', '=', '"', '\'':
			found = true
		case 'e':
			found = starts("eyJ")
		case 'g':
			found = len(s) > i+3 && s[i+1] == 'h' && s[i+3] == '_' || starts("github_pat_") || starts("glpat-")
		case 'x':
			found = starts("xox")
		case 's', 'r':
			found = len(s) > i+2 && s[i+1] == 'k' && (s[i+2] == '_' || s[i+2] == '-')
		case 'n':
			found = starts("npm_")
		case 'A':
			found = starts("AIza") || starts("AKIA") || starts("ASIA") || starts("ABIA") || starts("ACCA")
		case 'S':
			found = starts("SG.")
		}
		if found {
			return true
		}
	}
	return false
}

// maskURIs masks the passwords in one or more URIs, and in a login without a scheme.
func maskURIs(s string) string {
	masked, from := "", 0
	for _, at := range append(next.FindAllStringIndex(s, -1), []int{len(s), 0}) {
		masked += password.ReplaceAllStringFunc(s[from:at[0]], func(match string) string {
			if isExample(match) {
				return match
			}
			return password.ReplaceAllString(match, "$1:"+Hidden+"@")
		})
		from = at[0]
	}
	return login.ReplaceAllString(masked, "$1:"+Hidden+"@")
}

// isExample reports whether a URI's user and password are those of the examples in gomeko's
// messages.
func isExample(match string) bool {
	return strings.EqualFold(match, "://user:password@")
}
