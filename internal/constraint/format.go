package constraint

import (
	"net/netip"
	"strings"
	"time"
)

// formats lists the values of the tag key format, with the messages of their faults.
var formats = []struct {
	name    string
	test    func(s string) bool
	message string
}{
	{"email", isEmail, "must be an email address"},
	{"uri", isURI, "must be a URI with a scheme, such as https://example.org/"},
	{"date-time", isDateTime, "must be a date and time of RFC 3339, such as 2024-01-02T03:04:05Z"},
	{"uuid", isUUID, "must be a UUID"},
	{"decimal", isDecimal, "must be a decimal number, such as 12.340"},
}

func isDecimal(s string) bool {
	_, ok := parseDecimal(s)
	return ok
}

// isUUID reports whether s has the format of RFC 9562, in upper or lower case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if !isHex(s[i]) {
				return false
			}
		}
	}
	return true
}

// isEmail reports whether s is an ordinary email address in ASCII: words separated by dots, @, and
// a host name. It rejects addresses with quotes or with an IP address.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if len(s) > 254 || at < 1 || at > 64 {
		return false
	}
	local, dotted := s[:at], true
	for i := range len(local) {
		c := local[i]
		switch {
		case c == '.' && dotted, c != '.' && !isLetter(c) && !isDigit(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0:
			return false
		}
		dotted = c == '.'
	}
	return !dotted && isHost(s[at+1:])
}

// isHost reports whether s is the name of a host: labels of letters, digits and hyphens.
func isHost(s string) bool {
	if len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; !isLetter(c) && !isDigit(c) && c != '-' {
				return false
			}
		}
	}
	return true
}

// isURI reports whether s is a URI of RFC 3986 with a scheme: https://example.org/a?b#c, mailto:a.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || scheme == "" || !isLetter(scheme[0]) {
		return false
	}
	for i := range len(scheme) {
		if c := scheme[i]; !isLetter(c) && !isDigit(c) && c != '+' && c != '-' && c != '.' {
			return false
		}
	}
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		end := len(after)
		if i := strings.IndexAny(after, "/?#"); i >= 0 {
			end = i
		}
		if !isAuthority(after[:end]) {
			return false
		}
		rest = after[end:]
	}
	path, fragment, _ := strings.Cut(rest, "#")
	return hasOnly(path, "-._~!$&'()*+,;=:@/?") && hasOnly(fragment, "-._~!$&'()*+,;=:@/?")
}

// isAuthority reports whether s is a user, a host and a port, of which only the host is needed, and
// may be empty: user@example.org:80, [::1]:80.
func isAuthority(s string) bool {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if !hasOnly(s[:at], "-._~!$&'()*+,;=:") {
			return false
		}
		s = s[at+1:]
	}
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !isIPv6(s[1:end]) {
			return false
		}
		s = s[end+1:]
		return s == "" || s[0] == ':' && digits(s[1:]) == len(s)-1
	}
	host, port, _ := strings.Cut(s, ":")
	return hasOnly(host, "-._~!$&'()*+,;=") && digits(port) == len(port)
}

// isIPv6 reports whether s is an IPv6 address, without a zone: ::1, 2001:db8::192.0.2.1.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

// hasOnly reports whether s has only letters, digits, these other characters, and escapes such as
// %20.
func hasOnly(s, others string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case isLetter(c), isDigit(c), strings.IndexByte(others, c) >= 0:
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

// isDateTime reports whether s is a date-time of RFC 3339. A leap second is one only at the end of
// a day in UTC.
func isDateTime(s string) bool {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[10]|0x20 != 't' || s[13] != ':' || s[16] != ':' {
		return false
	}
	year, month, day := number(s[:4]), number(s[5:7]), number(s[8:10])
	hour, minute, second := number(s[11:13]), number(s[14:16]), number(s[17:19])
	if year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60 {
		return false
	}
	if day > time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day() {
		return false
	}
	rest := s[19:]
	if rest[0] == '.' {
		n := digits(rest[1:])
		if n == 0 {
			return false
		}
		rest = rest[1+n:]
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return false
	}
	minutes := (hour*60 + minute - offset + 2*24*60) % (24 * 60)
	return second < 60 || minutes == 24*60-1
}

// parseOffset reads a zone, as minutes ahead of UTC: Z, +05:30.
func parseOffset(s string) (minutes int, ok bool) {
	if s == "Z" || s == "z" {
		return 0, true
	}
	if len(s) != 6 || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	hour, minute := number(s[1:3]), number(s[4:])
	if hour < 0 || hour > 23 || minute < 0 || minute > 59 {
		return 0, false
	}
	minutes = hour*60 + minute
	if s[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// number returns the number of a few digits, -1 if s has anything else.
func number(s string) int {
	n := 0
	for i := range len(s) {
		if !isDigit(s[i]) {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
