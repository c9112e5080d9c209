package transport

import amqp "github.com/rabbitmq/amqp091-go"

// A login tells the broker who we are: it implements [amqp.Authentication] by one of the library's.
type login struct {
	*address
	properties amqp.Table // of the connection
}

// Mechanism returns the name of the SASL mechanism.
func (l *login) Mechanism() string { return l.mechanism }

// Response returns the proof. It is asked for when the properties are about to be sent, and amqp091-go has put its
// capabilities into them: without one more, a broker that refuses the login hangs up and does not say so.
func (l *login) Response() string {
	if capabilities, ok := l.properties["capabilities"].(amqp.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	switch l.mechanism {
	case "EXTERNAL":
		return "" // the certificate is the proof
	case "AMQPLAIN":
		return (&amqp.AMQPlainAuth{Username: l.user, Password: l.password}).Response()
	default:
		return (&amqp.PlainAuth{Username: l.user, Password: l.password}).Response()
	}
}
