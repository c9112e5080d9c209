package store

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
)

// A Dialect is the SQL of one kind of database: [SQLite] or [PostgreSQL].
type Dialect struct {
	name      string
	now       string // the time of the database
	later     string // the time of now, + microseconds
	moment    string // microseconds since 1970 as a time
	micros    string // a duration in microseconds
	by        string // names the index to read a table by
	skip      string // locks the selected rows, and skips those that are locked
	among     string // is among what a query returns
	items     string // selects the items of a JSON array of strings
	numbers   string // selects the items of a JSON array of integers
	blob      string // the bytes of a text
	bytes     string // the type of bytes
	power     string // 2 to the power of nudges, at most 128
	row       string // joins the row of a seq, as k
	exists    string // selects whether there is a table of migrations
	migrating string // waits until no other process migrates
	sweeping  string // selects whether no other process sweeps
	encode    func([]byte) string
	single    bool // one connection writes at a time
}

// SQLite returns the dialect of SQLite, from version 3.42.
func SQLite() Dialect {
	return Dialect{
		name:    "sqlite",
		now:     `CAST(unixepoch('subsec') * 1000 AS integer) * 1000`,
		later:   `(? + (%))`,
		moment:  `%`,
		micros:  `(% - ?)`,
		among:   `IN (%)`,
		items:   `SELECT value FROM json_each(%)`,
		numbers: `SELECT value FROM json_each(%)`,
		blob:    `unhex(%)`,
		bytes:   `blob`,
		power:   `(1 << min(nudges, 7))`,
		row:     `JOIN gomeko_job AS k ON k.seq = %`,
		exists:  `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'gomeko_migration'`,
		encode:  hex.EncodeToString,
		by:      ` INDEXED BY %`,
		single:  true,
	}
}

// PostgreSQL returns the dialect of PostgreSQL, from version 13.
func PostgreSQL() Dialect {
	return Dialect{
		name:      "postgres",
		now:       `statement_timestamp()`,
		later:     `(? + (%) * interval '1 microsecond')`,
		moment:    `('epoch'::timestamptz + CAST(% AS bigint) * interval '1 microsecond')`,
		micros:    `CAST(extract(epoch FROM % - ?) * 1000000 AS bigint)`,
		skip:      ` FOR UPDATE SKIP LOCKED`,
		among:     `= ANY (ARRAY(%))`, // it expects few rows, so that it uses an index whatever the statistics
		items:     `SELECT json_array_elements_text(CAST(% AS text)::json)`,
		numbers:   `SELECT CAST(json_array_elements_text(CAST(% AS text)::json) AS bigint)`,
		blob:      `decode(%, 'base64')`,
		bytes:     `bytea`,
		power:     `(1 << least(nudges, 7))`,
		row:       `CROSS JOIN LATERAL (SELECT * FROM gomeko_job AS j WHERE j.seq = % LIMIT 1) AS k`,
		exists:    `SELECT count(*) FROM pg_class WHERE oid = to_regclass('gomeko_migration')`,
		migrating: `SELECT pg_advisory_xact_lock(hashtext('gomeko_migration'), hashtext(current_schema()))`,
		sweeping:  `SELECT pg_try_advisory_xact_lock(hashtext('gomeko_job'), hashtext(current_schema()))`,
		encode:    base64.StdEncoding.EncodeToString,
	}
}

// String returns "sqlite" or "postgres".
func (d Dialect) String() string { return d.name }

// mark matches the placeholders in statements for parts that differ between the dialects.
var mark = regexp.MustCompile(`\{(\w+)(?: ([^{}]*))?\}`)

// sql returns the text of a statement in this dialect.
func (d Dialect) sql(text string) string {
	for strings.Contains(text, "{") {
		text = mark.ReplaceAllStringFunc(text, func(found string) string {
			m := mark.FindStringSubmatch(found)
			return d.expand(m[1], m[2])
		})
	}
	if d.single {
		text = limited.ReplaceAllString(text, "$0 + 0")
	}
	return text
}

// limited matches a LIMIT that is a parameter. SQLite plans by its value, so it would compile a
// prepared statement again for each execution; it does not look into an expression.
var limited = regexp.MustCompile(`LIMIT \$\d+`)

// expand returns the text for a mark.
func (d Dialect) expand(name, argument string) string {
	form := ""
	switch name {
	case "now":
		return d.now
	case "skip":
		return d.skip
	case "rows":
		return d.rows(argument)
	case "columns":
		return columns
	case "light":
		return light
	case "bytes":
		return d.bytes
	case "power":
		return d.power
	case "in": // now + microseconds
		form = d.later
	case "by":
		form = d.by
	case "moment":
		form = d.moment
	case "until": // microseconds from now until a time
		form = d.micros
	case "among":
		form = d.among
	case "row":
		form = d.row
	case "items":
		form = strings.ReplaceAll(d.among, "%", d.items)
	case "numbers":
		form = strings.ReplaceAll(d.among, "%", d.numbers)
	case "blob":
		form = d.blob
	default:
		panic("store: unknown mark " + name)
	}
	return strings.NewReplacer("%", argument, "?", d.now).Replace(form)
}

// rows returns the first parameter, a JSON array of objects, as a table. The second parameter is
// the number of objects: without it, PostgreSQL would expect so many rows that it reads a whole
// table. In SQLite, the inner LIMIT keeps each object from being converted to text once per field,
// and the outer one keeps a field from being looked up again wherever the statement mentions it.
// fields are the names and types of the columns; the names are also the keys of the objects.
func (d Dialect) rows(fields string) string {
	if d.name == "postgres" {
		return `(SELECT * FROM json_to_recordset(CAST($1 AS text)::json) AS e(` + fields + `) LIMIT $2) AS e`
	}
	var columns []string
	for field := range strings.SplitSeq(fields, ", ") {
		name, _, _ := strings.Cut(field, " ")
		columns = append(columns, "v->>'"+name+"' AS "+name)
	}
	return `(SELECT ` + strings.Join(columns, ", ") + ` FROM (SELECT value AS v FROM json_each($1) LIMIT $2) LIMIT $2) AS e`
}
