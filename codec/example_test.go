package codec_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/gomeko/gomeko/codec"
	"github.com/gomeko/gomeko/codec/msgpack"
)

func Example() {
	type Order struct {
		ID    int        `json:"id"`
		Due   codec.Date `json:"due"`
		Price float64    `json:"price"`
	}
	data, err := codec.JSON.Encode(Order{ID: 7, Due: codec.Date{Year: 2024, Month: time.May, Day: 1}, Price: 2})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)

	var order Order
	if err := codec.JSON.Decode(data, &order); err != nil {
		log.Fatal(err)
	}
	fmt.Println(order)
	// Output:
	// {"id":7,"due":"2024-05-01T00:00:00","price":2.0}
	// {7 2024-05-01 2}
}

func ExampleJSON() {
	var order struct {
		ID   int      `json:"id"`
		Tags []string `json:"tags"`
	}
	err := codec.JSON.Decode([]byte(`{"id": 7.0, "tags": ["new", null]}`), &order)
	fmt.Println(err)
	// Output: tags[1]: null does not fit string
}

type OrderLine struct {
	Product  string  `json:"product"`
	Quantity int     `json:"quantity"`
	Unit     string  `json:"unit" default:"'piece'"`
	Note     *string `json:"note"`
	Gift     bool    `json:"gift,omitempty"`
}

func ExampleDecodeStrict() {
	var lines []OrderLine
	err := codec.DecodeStrict(codec.JSON, []byte(`[{"product": "tea", "quantity": 1}, {"product": "tea"}]`), &lines)
	fmt.Println(lines[0].Quantity, lines[0].Unit)
	fmt.Println(err)
	// Output:
	// 1 piece
	// [1].quantity: is missing
}

func ExampleTypedJSON() {
	data, err := codec.TypedJSON.Encode(codec.Date{Year: 2024, Month: time.May, Day: 1})
	if err != nil {
		log.Fatal(err)
	}
	var v any
	if err := codec.JSON.Decode(data, &v); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s is a %T\n", data, v)
	// Output: {"__type__":"date","__value__":"2024-05-01"} is a codec.Date
}

// plainText is a codec of strings. It can be used wherever a Codec is configured.
type plainText struct{}

func (plainText) ContentType() string     { return "text/plain" }
func (plainText) ContentEncoding() string { return "utf-8" }

func (plainText) Encode(v any) ([]byte, error) {
	text, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("cannot encode a %T as text", v)
	}
	return []byte(text), nil
}

func (plainText) Decode(data []byte, v any) error {
	text, ok := v.(*string)
	if !ok {
		return fmt.Errorf("cannot decode text into %T", v)
	}
	*text = string(data)
	return nil
}

func ExampleCodec() {
	set := codec.Set{codec.JSON, plainText{}}
	var text string
	if err := set.Of("text/plain; charset=utf-8").Decode([]byte("hello"), &text); err != nil {
		log.Fatal(err)
	}
	fmt.Println(text)
	// Output: hello
}

func ExampleSplitter() {
	list, err := codec.JSON.List([]byte(`[7, "chair", {"count": 2}]`))
	if err != nil {
		log.Fatal(err)
	}
	for _, element := range list {
		fmt.Printf("%s: %s\n", codec.JSON.Kind(element), element)
	}
	// Output:
	// a number: 7
	// a string: "chair"
	// an object: {"count": 2}
}

func ExampleSplit() {
	type fourMethods struct{ codec.Codec } // hides the others
	members, err := codec.Split(fourMethods{codec.JSON}).Map([]byte(`{"b": [1, 2], "a": null}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range members {
		fmt.Printf("%s=%s\n", m.Name, m.Value)
	}
	// Output:
	// a=null
	// b=[1,2]
}

func ExampleMember() {
	members, err := codec.JSON.Map([]byte(`{"args": [7], "kwargs": {}}`))
	if err != nil {
		log.Fatal(err)
	}
	for _, m := range members {
		fmt.Printf("%s=%s\n", m.Name, m.Value)
	}
	// Output:
	// args=[7]
	// kwargs={}
}

func ExampleKind() {
	if kind := codec.JSON.Kind([]byte(`[1, 2]`)); kind != codec.KindObject {
		fmt.Printf("the body is %s, want %s\n", kind, codec.KindObject)
	}
	// Output: the body is a list, want an object
}

// pairs is an object whose members keep their order.
type pairs []any

func (p pairs) Members() (names []string, values []any, err error) {
	for i := 0; i < len(p); i += 2 {
		names, values = append(names, p[i].(string)), append(values, p[i+1])
	}
	return names, values, nil
}

func ExampleObject() {
	data, err := codec.JSON.Encode(pairs{"b", 1, "a", pairs{}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)
	// Output: {"b":1,"a":{}}
}

func ExampleDate() {
	var due codec.Date
	if err := codec.JSON.Decode([]byte(`"2024-05-01"`), &due); err != nil {
		log.Fatal(err)
	}
	fmt.Println(due, due.Month)
	// Output: 2024-05-01 May
}

func ExampleTimeOfDay() {
	var opens codec.TimeOfDay
	if err := codec.JSON.Decode([]byte(`"09:30"`), &opens); err != nil {
		log.Fatal(err)
	}
	fmt.Println(opens, opens.Hour)
	// Output: 09:30:00 9
}

func ExampleDecimal() {
	data, err := codec.TypedJSON.Encode(codec.Decimal("12.340"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", data)
	// Output: {"__type__":"decimal","__value__":"12.340"}
}

func ExampleNaive() {
	for _, location := range []*time.Location{time.UTC, codec.Naive} {
		data, err := codec.JSON.Encode(time.Date(2024, time.May, 1, 9, 30, 0, 0, location))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s\n", data)
	}
	// Output:
	// "2024-05-01T09:30:00Z"
	// "2024-05-01T09:30:00"
}

func ExampleSet() {
	set := codec.Set{codec.JSON, msgpack.Codec}
	fmt.Println(set)
	fmt.Println(set.Of("Application/JSON; charset=utf-8") == codec.JSON)
	fmt.Println(set.Of("text/plain"))
	// Output:
	// application/json or application/x-msgpack
	// true
	// <nil>
}

func ExampleSet_Open() {
	set := codec.Set{codec.JSON, msgpack.Codec}
	const limit = 1 << 20

	c, data, err := set.Open(codec.Body{
		ContentType: "application/json; charset=utf-8",
		Headers:     map[string]any{"compression": codec.Zlib},
		Data:        codec.Deflate([]byte(`[1, 2]`)),
	}, limit, nil)
	fmt.Println(c.ContentType(), string(data), err)

	_, _, err = set.Open(codec.Body{ContentType: "text/plain", Data: []byte("hello")}, limit, nil)
	fmt.Println(err)
	// Output:
	// application/json [1, 2] <nil>
	// content_type "text/plain" is not accepted: send application/json or application/x-msgpack
}

func ExampleBody() {
	_, data, err := codec.Set{codec.JSON}.Open(codec.Body{Data: []byte(`"no content type"`)}, 1000, nil)
	fmt.Println(string(data), err)
	// Output: "no content type" <nil>
}

func ExampleTooLarge() {
	_, _, err := codec.Set{codec.JSON}.Open(codec.Body{Data: make([]byte, 1001)}, 1000, nil)
	if large := (*codec.TooLarge)(nil); errors.As(err, &large) {
		fmt.Println(large.Size-large.Limit, "byte too many")
	}
	// Output: 1 byte too many
}

func ExampleInflate() {
	body := codec.Deflate([]byte(`{"id": 7}`))
	data, err := codec.Inflate(codec.Zlib, body, 1000)
	fmt.Println(string(data), err)

	_, err = codec.Inflate(codec.Zlib, codec.Deflate(make([]byte, 1<<20)), 1000)
	fmt.Println(err)
	// Output:
	// {"id": 7} <nil>
	// decompressed body is over max_message, 1000 bytes
}

func ExampleDeflate() {
	headers := map[string]any{"compression": codec.Zlib}
	body := codec.Deflate(make([]byte, 1000))
	fmt.Println(headers["compression"], len(body) < 100)
	// Output: application/x-gzip true
}

func ExampleValidText() {
	fmt.Println(codec.ValidText("caf\xe9"))
	// Output: caf�
}

// A number that was decoded into an any keeps its digits.
func ExampleJSON_numbers() {
	var v any
	if err := codec.JSON.Decode([]byte(`[2, 2.0, 10000000000000000000000]`), &v); err != nil {
		log.Fatal(err)
	}
	for _, n := range v.([]any) {
		fmt.Println(n.(json.Number))
	}
	// Output:
	// 2
	// 2.0
	// 10000000000000000000000
}
