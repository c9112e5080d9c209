// Package interop holds no code but tests: the real Nameko, a Python program, calls our services and is called by
// them, on the embedded broker and on RabbitMQ.
//
// The Python half is in peer: a service and a caller. It runs in .venv, which scripts/setup makes from
// requirements.txt. What the two write differently from kombu 5.3 on is tried in .venv-kombu5.4 too.
package interop
