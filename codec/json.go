package codec

// JSON is the codec of application/json, which is Nameko's default. It writes as kombu 5.2 does: times, decimals and UUIDs
// are strings. It reads what any version of kombu writes.
var JSON Splitter = New(jsonFormat)

// TypedJSON is [JSON], except that it writes as kombu 5.3 and later do: times, dates, decimals, UUIDs and bytes are
// envelopes, such as {"__type__": "date", "__value__": "2024-01-02"}. Kombu 5.3 decodes an envelope into a value of this
// type; kombu 5.2 decodes it into a dict.
var TypedJSON Splitter = &values{format: jsonFormat, typed: true}

var jsonFormat = Format{
	Name:            "JSON",
	ContentType:     "application/json",
	ContentEncoding: "utf-8",
	NewReader:       func() Reader { return new(jsonReader) },
	NewWriter:       func() Writer { return new(jsonWriter) },
}
