package transport

import "encoding/json"

// The functions of this file take JSON that is valid, without looking again.

// members calls each for the members of the object or the list at data[i]: with a member's name, or index, and where
// its value starts; each returns where the value ends. members returns where the object or list ends.
func members(data []byte, i int, each func(name string, at, i int) (int, error)) (int, error) {
	object := data[i] == '{'
	i = space(data, i+1)
	for at := 0; data[i] != ']' && data[i] != '}'; at++ {
		if at > 0 {
			i = space(data, i+1) // over the comma
		}
		name := ""
		if object {
			end := skip(data, i)
			_ = json.Unmarshal(data[i:end], &name)
			i = space(data, space(data, end)+1) // over the colon
		}
		end, err := each(name, at, i)
		if err != nil {
			return 0, err
		}
		i = space(data, end)
	}
	return i + 1, nil
}

// space returns the index of the first byte from i on that is no white space.
func space(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// skip returns where the value at data[i] ends.
func skip(data []byte, i int) int {
	for depth := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\n', '\r':
			continue
		default:
			for i+1 < len(data) && inLiteral(data[i+1]) {
				i++
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

// inLiteral tells whether b can go on a number, true, false or null.
func inLiteral(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || b == '.' || b == 'E' || b == '+' || b == '-'
}
