// Package nameko implements the services of docs/nameko.md in Go; stock.py implements them in
// Python. Each service can run in either language, and callers do not notice:
//
//	gomeko run ./examples/nameko:Stock --config examples/nameko/config.yaml
//	nameko run --config config.yaml stock:Prices
package nameko
