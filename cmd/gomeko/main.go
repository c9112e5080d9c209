// Gomeko runs services and calls them.
//
//	gomeko run PKG[:Service]…                         build packages of services and run them
//	gomeko shell [FILE]                               call services from Starlark
//	gomeko call SERVICE.METHOD [ARG…] [KEY=VALUE…]    call one method, result as JSON
//	gomeko broker [--listen ADDRESS]                  run a broker in memory
//	gomeko cron ls|run|pause|resume|next              timers of a fleet, and cron expressions
//	gomeko dead [ls|show|retry|drop|export|import]    messages that failed for the last time
//	gomeko topology [prune]                           queues that no running service uses
//	gomeko show-config [--config FILE]                print the configuration
//
// Run gomeko --help for the flags of all commands. Package runner explains how a program of services
// runs.
package main

import "github.com/gomeko/gomeko/runner"

func main() { runner.Gomeko() }
