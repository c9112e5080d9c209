// Package interop holds no code but tests: the real Nameko, a Python program, calls our services
// and is called by them, on the embedded broker and on RabbitMQ.
//
// The Python half is in peer: services and a caller. It runs in .venv, which scripts/setup makes
// from requirements.txt, and in .venv-kombu5.4, whose kombu sends more types. What of calls is
// compared with Nameko's own, and what differs on purpose, is in docs/wire/interop.md.
package interop
