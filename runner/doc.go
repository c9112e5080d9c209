// Package runner turns services into a process: it reads the configuration, finds the broker, starts the services
// and stops them in order. Programs import it, services do not.
//
// # A program
//
// [Main] is all that a program's main function holds. The services, and what they are made of, come in fx modules:
//
//	func main() { runner.Main(orders.Module, users.Module) }
//
// Each has a service in it, put there by [service.Provide]. What the modules provide may ask for *config.Config.
//
// # The command line of a program
//
//	orders [run]                                     run the services: the default
//	orders shell [FILE]                              call services from Starlark
//	orders call SERVICE.METHOD [ARG…] [KEY=VALUE…]   call one method
//	orders show-config                               print the configuration
//
// Flags of all of them: --broker URI, --config FILE, --log-level, --log-format text|json. The broker is the one
// of --broker, else the configuration's AMQP_URI, else the environment's, else amqp://guest:guest@localhost:5672/. With
// --broker embedded the program hosts a broker in itself, in memory.
//
// Results go to stdout, all else to stderr. The exit status is 0 when the program was stopped, 1 when it
// failed and 2 when it was called wrongly.
//
// # Stopping
//
// SIGINT and SIGTERM stop the services in order: no further calls are taken, and those that run get the configuration's
// gomeko.grace, 25 s, to end and to have their replies sent; the stop hooks of fx get what is left of it. A second signal
// ends the process at once, without hooks; the broker gives what was not done to others. When a service fails as a
// whole, the others are stopped in order too.
//
// # The command gomeko
//
// [Gomeko] is the main function of cmd/gomeko: the same commands, and run PKG, which builds a package
// of services and becomes it, and broker.
package runner
