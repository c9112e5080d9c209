package codec_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/gomeko/gomeko/codec"
)

// A Booking is decoded with its default if nights is missing.
type Booking struct {
	Room   string    `json:"room" doc:"Its name."`
	Nights int8      `json:"nights" default:"1"`
	From   time.Time `json:"from"`
}

// The schema of a struct is a definition, which others refer to by the name of the type.
func ExampleSchemas() {
	schemas := codec.NewSchemas(codec.JSON)
	for _, v := range []any{
		schemas.Of(reflect.TypeFor[[]Booking](), codec.Use{}),
		schemas.Definitions()["codec_test.Booking"],
	} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			fmt.Println(err)
		}
		fmt.Println(string(text))
	}
	// Output:
	// {
	//   "type": [
	//     "array",
	//     "null"
	//   ],
	//   "items": {
	//     "$ref": "#/$defs/codec_test.Booking"
	//   }
	// }
	// {
	//   "type": "object",
	//   "properties": {
	//     "room": {
	//       "description": "Its name.",
	//       "type": "string"
	//     },
	//     "nights": {
	//       "type": "integer",
	//       "minimum": -128,
	//       "maximum": 127,
	//       "default": 1
	//     },
	//     "from": {
	//       "$ref": "#/$defs/time.Time"
	//     }
	//   },
	//   "required": [
	//     "room",
	//     "from"
	//   ]
	// }
}
