// Package contract describes services: what their methods take and return, which errors callers are
// meant to handle, what they listen to, and what they use.
//
// A [Document] is derived from what the service is bound to, so it cannot be out of date:
// signatures, tags, and the codec's plans, which say what is decoded. Texts for people come from
// the tag key doc of rows and fields, and from the service's method Docs:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder rpc.Method `rpc:"get_order" doc:"Returns an order."`
//		}
//	}
//
//	type GetOrder struct {
//		ID int `json:"order_id" doc:"The number of the order."`
//	}
//
// docs/wire/describe.schema.json is the JSON Schema of documents.
//
// A document never contains values of sensitive parameters: their defaults are [service.Redacted].
package contract
