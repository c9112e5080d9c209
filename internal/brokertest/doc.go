// Package brokertest gives tests brokers to run on: the embedded one, RabbitMQ, and RabbitMQ nodes of their own to
// stop and kill.
//
// What holds on a broker has to hold on both, so a test of the wire is written once and run twice:
//
//	func TestQueue(t *testing.T) {
//		brokertest.Each(t, func(t *testing.T, uri string) {
//			conn, err := amqp.Dial(uri)
//			…
//		})
//	}
//
// Its subtests are `embedded`, on a fresh broker, and `rabbitmq`, on a fresh virtual host of the RabbitMQ that
// scripts/rabbitmq runs beside `make test`. Where there is none the test is skipped, with a line that says how to get
// one; with CI=true it fails instead.
//
// A test that takes the broker away starts a [Node].
package brokertest
