// Package runner turns services into a process: it reads the configuration, finds the broker, starts the services
// and stops them in order. Programs import it, services do not.
//
// # A program
//
// [Main] is all that a program's main function holds. The services, and what they are made of, come in fx modules:
//
//	func main() { runner.Main(orders.Module, users.Module) }
//
// Each has a service in it, put there by [service.Provide]. What the modules provide may ask for *config.Config, and
// services take their own keys of it by [config.Provide]. docs/configuration.md has all keys.
//
// # A program that has a main function already
//
// [Run] runs the services without flags, signal handlers or output: for a program that has its own
// main function, flags and logger. It returns when its context ends and the services have stopped:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	err := runner.Run(ctx, runner.Config{File: "config.yaml", Logger: log}, orders.Module)
//
// The rest of this page is about Main.
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
// failed, 2 when it was called wrongly, and the exit code that the application passes to its fx.Shutdowner.
//
// # Stopping
//
// SIGINT and SIGTERM stop the services in order: no further calls are taken, and those that run get the configuration's
// gomeko.grace, 25 s, to end and to have their replies sent; the stop hooks of fx get what is left of it. A second signal
// ends the process at once, without hooks; the broker gives what was not done to others. When a service fails as a
// whole, the others are stopped in order too, and its error is the last line. The log tells what became of the calls:
//
//	level=INFO msg=drained instance=vm1/4711 finished=3 cut_off=0 given_back=0 duration=1.2s
//
// Those that were cut off while they ran, and those given back before they had begun, run again elsewhere.
//
// # The log
//
// It is log/slog's default logger, to stderr. Every line names its instance, host/pid; every line with the context of a
// call, the services' own among them (slog.InfoContext), its service, method and call_id. The level is that of
// --log-level, else of LOGGING in the configuration, else INFO; the format that of --log-format, else of
// gomeko.log_format, else text. A call that outlives its time by 5 s is logged with its stack, once.
//
// # Readiness
//
// When all services answer, the program prints "Connected to", if one of them uses the broker, and "Listening on", if one
// has routes, with their URL; and it logs "ready". Started by systemd with Type=notify, it also
// tells that (sd_notify), and when it begins to stop:
//
//	[Service]
//	Type=notify
//	ExecStart=/usr/local/bin/orders --config /etc/orders.yaml --log-format json
//	TimeoutStopSec=30
//
// TimeoutStopSec is to be more than gomeko.grace.
//
// # The command gomeko
//
// [Gomeko] is the main function of cmd/gomeko: the same commands, and run PKG, which builds a package
// of services and becomes it; broker, which hosts a broker in memory; and broker status, which prints the queues,
// consumers and connections of a broker, be it that one or RabbitMQ.
package runner
