package msgpack_test

import (
	"fmt"
	"log"

	"github.com/gomeko/gomeko/codec/msgpack"
)

func ExampleCodec() {
	data, err := msgpack.Codec.Encode(map[string]any{"id": 7, "seal": []byte{0xff}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", data)

	var order struct {
		ID   int    `json:"id"`
		Seal []byte `json:"seal"`
	}
	if err := msgpack.Codec.Decode(data, &order); err != nil {
		log.Fatal(err)
	}
	fmt.Println(order.ID, order.Seal)
	// Output:
	// 82a2696407a47365616cc401ff
	// 7 [255]
}
