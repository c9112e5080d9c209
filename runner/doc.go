// Package runner runs services: it reads the configuration, connects to the broker, starts the
// services and stops them in order. Programs import it; packages of services do not.
//
// # A program
//
// [Main] is the main function of a program of services. Pass it fx modules, which contain a
// [service.Provide] for each service:
//
//	func main() { runner.Main(orders.Module, users.Module) }
//
// Constructors in the modules can take a *config.Config, and [config.Provide] decodes a key of the
// file into a struct. docs/configuration.md lists all keys.
//
// # A program with its own main function
//
// [Run] runs services in a program with its own main function, flags and logger. It reads no flags,
// handles no signals and prints nothing. It returns when its context has ended and the services
// have stopped:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	err := runner.Run(ctx, runner.Config{File: "config.yaml", Logger: log}, orders.Module)
//
// The sections below are about Main.
//
// # The command line
//
//	orders [run]                                     run the services: the default
//	orders shell [FILE]                              call services from Starlark
//	orders call SERVICE.METHOD [ARG…] [KEY=VALUE…]   call one method
//	orders dispatch SOURCE TYPE JSON                 dispatch an event
//	orders publish EXCHANGE KEY JSON                 publish a message
//	orders services                                  list the services of the fleet
//	orders stats [SERVICE]                           print how many calls they have, and how fast
//	orders health [SERVICE]                          print whether they are well
//	orders dump SERVICE[/INSTANCE]                   print the calls that run, with their stacks
//	orders level SERVICE LEVEL                       change the log level for a while
//	orders dead                                      print what is parked, replay it or drop it
//	orders topology [prune]                          print queues that no service uses any more
//	orders show-config                               print the configuration
//
// All commands have the flags --broker URI, --config FILE, --log-level and --log-format text|json.
// The broker's URI is taken from --broker, else GOMEKO_BROKER in the environment, else AMQP_URI in
// the configuration, else AMQP_URI in the environment; the default is
// amqp://guest:guest@localhost:5672/. With --broker embedded, the program hosts a broker in memory.
// --broker @FILE reads the URI from a file.
//
// Results go to stdout, everything else to stderr. The exit status is 0 if a signal stopped the
// program, 1 if it failed, 2 if the command line was wrong, 4 if it ended because of
// gomeko.max_stuck, and the exit code that the application passes to its fx.Shutdowner.
//
// # Stopping
//
// With --procs N, a parent process keeps N processes running; docs/command.md describes it. The
// rest of this comment applies to a single process, and to each of the N processes.
//
// SIGINT, SIGTERM and SIGHUP stop the services in order. They accept no more calls; running calls
// get gomeko.grace (25 s) to finish and to send their replies, and fx's stop hooks get the rest of
// that time. A second signal ends the process at once, without hooks, and the broker redelivers
// unfinished calls. If a service fails, the others are stopped in order, too, and its error is the
// last line. The log counts the calls that were running or waiting:
//
//	level=INFO msg=drained instance=vm1/4711-9f3c finished=3 cut_off=0 given_back=0 duration=1.2s
//
// Calls that were cut off had started; calls that were given back had not. The broker redelivers
// both.
//
// # The log
//
// Main replaces log/slog's default logger with one that writes to stderr. Every line has the
// instance, host/pid-xxxx. A line that is logged with the context of a call (slog.InfoContext) also
// has its service, method and call_id. The level is taken from --log-level, else from LOGGING in
// the configuration; the default is INFO. The format is taken from --log-format, else from
// gomeko.log_format; the default is text. A call that runs 5 s past its deadline is logged once,
// with its stack.
//
// With the format json, every line on stderr is JSON, including those that are otherwise printed
// for people, and durations are text such as "1.5s".
//
// If the reader of the log exits, as in "orders 2>&1 | head", the program continues without a log.
//
// # Readiness
//
// When all services accept calls, the program prints "Connected to" if a service uses the broker,
// and "Listening on" with the URL if one has HTTP routes. Then it logs "ready". If systemd started
// it with Type=notify, it also tells systemd (sd_notify), and again when it begins to stop:
//
//	[Service]
//	Type=notify
//	ExecStart=/usr/local/bin/orders --config /etc/orders.yaml --log-format json
//	TimeoutStopSec=30
//	WatchdogSec=20
//
// TimeoutStopSec must be longer than gomeko.grace. With WatchdogSec, the program tells systemd at
// half that interval that it is alive, and systemd restarts it if it freezes.
//
// # The command gomeko
//
// [Gomeko] is the main function of cmd/gomeko. It has the commands above and more: "new NAME" creates
// a module with a service, "run PKG" builds a package of services and runs it, "build PKG -o FILE"
// only builds it, "broker" hosts a broker in memory, and "broker status" prints the queues,
// consumers and connections of any broker with RabbitMQ's management API.
package runner
