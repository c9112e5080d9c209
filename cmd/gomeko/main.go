// Gomeko runs services and calls them.
//
//	gomeko run PKG[:Service]…                         build packages of services and run them
//	gomeko shell [FILE]                               call services from Starlark
//	gomeko call SERVICE.METHOD [ARG…] [KEY=VALUE…]    call one method, result as JSON
//	gomeko broker [--listen ADDRESS]                  run a broker in memory
//	gomeko show-config [--config FILE]                print the configuration
//
// See gomeko --help for the flags that all of them share, and package runner for what a program of services does.
package main

import "github.com/gomeko/gomeko/runner"

func main() { runner.Gomeko() }
