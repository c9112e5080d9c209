package codec

// Parts of the patterns of texts. They are regular expressions of both Go and ECMAScript.
const (
	// A year from 0001 to 9999, with the number of days of its months.
	dayPattern = `((000[1-9]|00[1-9]\d|0[1-9]\d\d|[1-9]\d{3})-` +
		`((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))` +
		`|(\d\d(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)-02-29)`

	clockPattern = `([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?`
	zonePattern  = `(Z|[+-]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?)`

	decimalPattern = `[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?`

	// Python's Decimal also accepts spaces around it, infinity and NaN.
	pythonDecimalPattern = `\s*(` + decimalPattern + `|[+-]?([iI][nN][fF]([iI][nN][iI][tT][yY])?|[sS]?[nN][aA][nN]\d*))\s*`

	uuidPattern   = `[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`
	base64Pattern = `([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?`
)

// text returns the schema of a type whose values are encoded as strings.
func (s *Schemas) text(p *plan, form form) *Schema {
	text := textOf(p, form)
	if !s.typed {
		return text
	}
	kind := p.kind
	switch form {
	case formTime:
		kind = "datetime"
	case formDate:
		kind = "date"
	case formTimeOfDay:
		kind = "time"
	case formDecimal:
		kind = "decimal"
	case formBytes:
		kind = "base64"
	}
	if kind == "" {
		return text
	}
	return &Schema{Description: text.Description, AnyOf: envelopes(kind, text)}
}

// textOf returns the schema of the strings for values of a form.
func textOf(p *plan, form form) *Schema {
	text := &Schema{Type: TypeNames{"string"}}
	switch {
	case form == formTime:
		text.Pattern = dayPattern + "(T" + clockPattern + zonePattern + "?)?"
		text.Description = "a date and time of ISO 8601, with or without a zone: 2024-01-02T03:04:05Z"
	case form == formDate:
		text.Pattern = dayPattern + "(T00:00:00)?"
		text.Description = "a date: 2024-01-02"
	case form == formTimeOfDay:
		text.Pattern = clockPattern
		text.Description = "a time of day: 03:04:05"
	case form == formDecimal, p.kind == "decimal":
		text.Pattern = decimalPattern
		if form == formDecimal {
			text.Pattern = pythonDecimalPattern
		}
		if class(form) != formText { // this library also reads numbers
			text.Type = append(text.Type, "number")
		}
		text.Description = "a decimal number with all of its digits: 12.340"
	case p.kind == "uuid":
		text.Pattern, text.Format = uuidPattern, "uuid"
	case form == formBytes:
		text.Pattern, text.ContentEncoding = base64Pattern, "base64"
		text.Type = append(text.Type, "null")
	default:
		return text
	}
	text.Pattern = "^(" + text.Pattern + ")$"
	return text
}

// envelopes returns the schema of a text, and those of the envelopes that kombu 5.3 writes for it.
func envelopes(kind string, text *Schema) []*Schema {
	alternatives := []*Schema{text}
	text.Description = ""
	add := func(kind string, value *Schema) {
		alternatives = append(alternatives, &Schema{
			Type:                 TypeNames{"object"},
			Properties:           Properties{{typeKey, &Schema{Const: kind}}, {valueKey, value}},
			AdditionalProperties: never(),
			Required:             []string{typeKey, valueKey},
		})
	}
	inner := &Schema{Type: TypeNames{"string"}, Pattern: text.Pattern}
	switch kind {
	case "uuid":
		add(kind, &Schema{
			Type:                 TypeNames{"object"},
			Properties:           Properties{{"hex", &Schema{Type: TypeNames{"string"}, Pattern: "^[0-9a-fA-F]{32}$"}}},
			AdditionalProperties: never(),
			Required:             []string{"hex"},
		})
	case "base64":
		add("bytes", &Schema{Type: TypeNames{"string"}})
		add(kind, inner)
	default:
		add(kind, inner)
	}
	return alternatives
}
