// Package nameko has the services of docs/nameko.md in Go, beside stock.py, which has them in Python. Either half of either
// may run, and callers cannot tell:
//
//	gomeko run ./examples/nameko:Stock --config examples/nameko/config.yaml
//	nameko run --config config.yaml stock:Prices
package nameko
