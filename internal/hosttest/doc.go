// Package hosttest provides helpers for tests of several packages. They host services in the test's
// process ([Start]), run programs ([StartProcess]) and wait for events ([Receive], [Eventually]).
// Package brokertest provides brokers.
//
//	h := hosttest.Start(t, hosttest.Config{Broker: transport.Config{URI: uri}}, new(Users))
//	…
//	hosttest.Eventually(t, "the loss is logged", func() bool { return len(h.Log.Lines("connection lost")) > 0 })
//
// Each helper takes the test and fails it if something goes wrong. When the test ends, helpers stop
// everything that they have started.
package hosttest
