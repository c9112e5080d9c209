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
// read as YAML again, so a variable may hold a number, a list or an object, or refer to other
// variables. A variable that is not set and has no default is null. A variable that is set but
// empty is also null, whatever its default.
//
// Quoted text is not changed, unless it is tagged: !env_var "${NAME}" is read as above,
// !raw_env_var "${NAME}" is always a string.
//
// # Keys
//
// Nameko's keys are at the top level, with their own names; docs/configuration.md describes each.
// Other keys at the top level are yours, and are found in [Config.Values]. A key that resembles one
// of Nameko's causes a warning ([Config.Warnings]), and so does one that has no effect here.
// gomeko's keys are under gomeko, where an unknown key is an error. Durations are written "30s" or
// as a number of seconds. yes and on are true, as in Python's YAML.
//
// # Keys of services
//
// [Provide] provides a key as a struct, with its defaults in a literal:
//
//	var Module = fx.Module("orders",
//		service.Provide(new(Orders)),
//		config.Provide("orders", Settings{Database: "orders.db"}),
//	)
//
// The key of a field with required:"true" must be in the file. For a key that is text or a number,
// use a named type: see [Provide] and [Require].
//
// # Secrets
//
// [Config.String] and errors mask secrets: passwords in URIs and data source names, and the values
// of keys whose names end in password, secret, token, api_key and the like.
package config
