// Package brokertest provides brokers for tests: the embedded one, a RabbitMQ that tests share, and
// private RabbitMQ nodes that a test may stop and kill.
//
// A test of the wire runs on both brokers:
//
//	func TestQueue(t *testing.T) {
//		brokertest.Each(t, func(t *testing.T, uri string) {
//			conn, err := amqp.Dial(uri)
//			…
//		})
//	}
//
// Its subtests are `embedded`, on a new broker, and `rabbitmq`, on a new virtual host of the
// RabbitMQ that `make test` starts with scripts/rabbitmq. Without RabbitMQ that subtest is skipped,
// with a message that says how to start one; if CI=true, it fails instead.
//
// A test that stops its broker starts a [Node].
package brokertest
