// Package hosttest has the helpers that tests of several packages share. They host services in the
// test's own process ([Start]), run programs ([StartProcess]) and wait for events ([Receive],
// [Eventually]). Brokers to run on are in package brokertest.
//
//	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Users))
//	…
//	hosttest.Eventually(t, "the loss is logged", func() bool { return len(h.Log.Lines("connection lost")) > 0 })
//
// Each helper takes the test, fails it when something goes wrong, and ends what it started when the
// test ends.
package hosttest
