// Package config reads the configuration of a process: Nameko's config.yaml, unchanged.
//
//	AMQP_URI: amqp://${RABBIT_USER:guest}:${RABBIT_PASSWORD:guest}@${RABBIT_HOST:localhost}/
//	max_workers: 50
//	gomeko:
//	  rpc_timeout: 5s
//
// [Load] reads a file, and [Parse] reads a []byte. Both report all mistakes at once, each with its
// line and key.
//
// # Variables
//
// ${NAME} and ${NAME:default} are replaced by environment variables, in keys too. The result is
// read as YAML again, so that a variable may hold a number, a list or an object, or refer to other
// variables. A variable that is not set and has no default is null. One that is set and empty is
// null too, whatever its default.
//
// Quoted text is not changed, unless it is tagged: !env_var "${NAME}" is read as above,
// !raw_env_var "${NAME}" is always a string.
//
// # Keys
//
// Nameko's keys stand at the top level under their own names; docs/configuration.md describes each.
// Other keys at the top level belong to the user, and are found in [Config.Values]. A key that
// resembles one of Nameko's is a warning ([Config.Warnings]), and so is one that has no effect
// here. Our keys are under gomeko, where an unknown key is a mistake. Durations are written "30s"
// or as a number of seconds. yes and on are true, as in Python's YAML.
//
// # Keys of services
//
// [Provide] provides a key as a struct, with the defaults in a literal:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		config.Provide("orders", Settings{Database: "orders.db"}),
//	)
//
// A field with required:"true" must have its key in the file. A key that is text or a number has a
// named type of its own: [Provide] and [Require] show it.
//
// # Secrets
//
// [Config.String] and errors mask secrets: passwords in URIs and data source names, and the values
// of keys whose names end in password, secret, token, api_key and the like.
package config
