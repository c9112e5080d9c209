// Package web serves methods of services over HTTP.
//
// # Routes
//
// A [Route] is a row of a service's entrypoint table, its tag a pattern in the language of [http.ServeMux]:
//
//	type Orders struct {
//		_ service.Name `service:"orders"`
//
//		Entrypoints struct {
//			GetOrder  rpc.Method `rpc:"get_order(order_id)"`
//			ShowOrder web.Route  `web:"GET /orders/{id}" method:"GetOrder"`
//		}
//	}
//
//	func (o *Orders) GetOrder(ctx context.Context, id int) (*Order, error)
//
// # The server
//
// All routes of a process are on one port, that of its [Config]. It listens when all that the services need is there, and
// when they stop it takes no further requests and answers those that it has taken on.
package web
