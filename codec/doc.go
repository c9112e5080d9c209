// Package codec encodes Go values as message bodies and decodes them, the way Nameko's services do.
//
// A [Codec] is one encoding. [JSON] and [TypedJSON] are Nameko's json, as kombu 5.2 and as later
// versions write it, and msgpack.Codec is its msgpack. Each of them reads what every version of
// kombu writes. [BrowserJSON] is for readers that do not accept Python's NaN.
//
//	data, err := codec.JSON.Encode(order)
//	…
//	err = codec.JSON.Decode(data, &order)
//
// # Receiving
//
// A receiver has a [Set] of the codecs that it accepts. [Set.Open] selects one by the message's
// content type, and decompresses the body:
//
//	body := codec.Body{ContentType: m.ContentType, Headers: m.Headers, Data: m.Body}
//	c, data, err := set.Open(body, 16<<20)
//	…
//	err = c.Decode(data, &order)
//
// # Values
//
// All codecs support the same values. Structs follow the json tags of encoding/json. A type with
// MarshalJSON or MarshalText, or their counterparts for decoding, is encoded as these methods say,
// in msgpack too. Other values are those of Python:
//
//	Go                      JSON                          TypedJSON     msgpack    Python
//	nil, bool, string       null, true, "text"            as JSON       nil, …     None, bool, str
//	int…, uint…             2                             as JSON       int        int
//	big.Int                 10000000000000000000000       as JSON       ≤ 64 bits  int
//	float32, float64        2.0, 1e+16, NaN, Infinity     as JSON       float      float
//	json.Number             unchanged: 2 or 2.0           as JSON       either     int or float
//	slices, arrays          [1, 2]; [] for nil            as JSON       array      list
//	maps, structs, [Object] {"a": 1}; {} for nil          as JSON       map        dict
//	time.Time               "2024-01-02T03:04:05Z"        datetime      as JSON    str or datetime
//	[Date]                  "2024-01-02T00:00:00"         date          as JSON    str or date
//	[TimeOfDay]             "03:04:05"                    time          as JSON    str or time
//	[Decimal], any Decimal  "12.340"                      decimal       as JSON    str or Decimal
//	uuid.UUID, any UUID     "12345678-1234-…"             uuid          as JSON    str or UUID
//	[]byte                  "AP8=", which is base64       bytes, base64 bin        str or bytes
//
// A nil slice is an empty list, and a nil map an empty object: Python code that iterates over a
// result fails for None, and so does JavaScript's map for null. A nil []byte is null. [NilAsNull]
// makes a codec that has null for all of them, as encoding/json does. A pointer to a slice is null
// if the pointer is nil, in every codec.
//
// A word in the column TypedJSON is the type of an envelope, an object such as
//
//	{"__type__": "date", "__value__": "2024-01-02"}
//
// # Missing members
//
// Decode leaves a field without a member unchanged, as encoding/json does. [DecodeStrict] requires
// the member. Services decode arguments, payloads and request bodies by DecodeStrict, and results
// by Decode.
//
// # Decoding into any
//
// A variable of type any receives nil, bool, json.Number, string, []any or map[string]any. There
// are three exceptions:
//
//   - NaN and the infinities become a float64, because json.Number cannot hold them.
//   - The type bin of msgpack becomes a []byte.
//   - An envelope becomes a time.Time, [Date], [TimeOfDay], [Decimal], uuid.UUID or []byte. An
//     envelope of an unknown type becomes a map.
//
// An envelope can also be decoded into every type that accepts the string in the JSON column. A
// value decoded into an any is encoded again as it was, except for envelopes, which need
// [TypedJSON].
//
// # Other formats
//
// [New] makes a codec for another format from a [Reader] and a [Writer], which know how null,
// bools, numbers, text, bytes, lists and objects are encoded. Package msgpack is an example. A type
// that only has the four methods of Codec can be configured too.
//
// # Details
//
// Times have microseconds and the years 1 to 9999, as in Python. Times in the location [Naive] have
// no zone.
//
// Text must be valid UTF-8. JSON may also contain a lone surrogate, "\ud83d"; in Go it is the three
// bytes that UTF-8 would have for it (WTF-8). In msgpack a lone surrogate is an error. JSON is
// written in UTF-8, without escapes for characters outside of ASCII.
//
// Keys of maps are strings, numbers, bools, nil or types with MarshalText. They are encoded as
// strings: 1 as "1", nil as "null", true as "true". Msgpack keys that are not strings are decoded
// the same way. A msgpack timestamp is decoded as a time.
//
// Lists and objects may be nested 10,000 levels deep. A length in the data is never trusted: memory
// is allocated only for elements that exist.
package codec
