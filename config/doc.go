// Package config reads the configuration of a process: a Nameko config.yaml, unchanged.
//
//	AMQP_URI: amqp://${RABBIT_USER:guest}:${RABBIT_PASSWORD:guest}@${RABBIT_HOST:localhost}/
//	max_workers: 50
//	gomeko:
//	  rpc_timeout: 5s
//
// [Load] reads a file, [Parse] what is in memory. Both report every mistake at once, with its line and key.
//
// # Variables
//
// ${NAME} and ${NAME:default} stand for variables of the environment, in keys too. What comes out is read as YAML
// once more, so that a variable may hold a number, a list or an object, or name further variables. One that is not
// set and has no default is null; one that is set and empty is null too, whatever the default.
//
// Quoted text stays as it stands, unless it is tagged: !env_var "${NAME}" is read as above,
// !raw_env_var "${NAME}" is always a string.
//
// # Keys
//
// Nameko's keys keep their names and stand at the top level. docs/configuration.md says of each what becomes of it here. A
// key that is not known there is the user's own and is found in [Config.Values]; one that nearly is a known key
// gets a line in [Config.Warnings], and so does a known key that has no effect here. Our own keys stand under gomeko,
// where one that is not known is an error. Durations are written "30s" or as a number of seconds.
//
// What counts as true is what Python's YAML takes for it: yes and on as well.
//
// # Keys of one's own
//
// [Provide] gives a service the value of a key as a struct, checked, with the defaults in a literal:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		config.Provide("orders", Settings{Database: "orders.db"}),
//	)
//
// # Secrets
//
// [Config.String] and errors mask what looks like one: passwords in URIs and data sources, and the values of keys
// whose names end in password, secret, token, api_key and the like.
package config
