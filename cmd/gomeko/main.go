// Gomeko runs services and calls them.
//
//	gomeko run PKG[:Service]…                         build packages of services and run them
//	gomeko shell [FILE]                               call services from Starlark
//	gomeko call SERVICE.METHOD [ARG…] [KEY=VALUE…]    call one method, result as JSON
//	gomeko broker [--listen ADDRESS]                  run a broker in memory
//	gomeko cron next EXPR [--tz ZONE] [-n 5]          print when a cron expression ticks
//	gomeko show-config [--config FILE]                print the configuration
//
// gomeko --help prints the flags of all commands. Package runner explains how a program of services
// runs.
package main

import (
	_ "time/tzdata" // cron expressions work on machines without time zones

	"github.com/gomeko/gomeko/runner"
)

func main() { runner.Gomeko() }
