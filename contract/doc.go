// Package contract describes services: what their methods take and return, which errors callers are
// meant to handle, what they listen to, and what they use.
//
// A [Document] is made of what the service is bound to, so it cannot be out of date: signatures,
// tags, and the plans of the codec, which say what is decoded. Texts for people are in the tag key
// doc of rows and of fields, and in what the service's method Docs returns:
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
// Values of sensitive parameters are never in a document: their defaults are [service.Redacted].
package contract
