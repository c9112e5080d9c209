// Package mail is an example extension: a dependency with which services send mail over SMTP. All
// services of a process share a pool of connections.
//
//	Send mail.Sender `mail:"accounts@example.org"`
//
// The tag is the sender's address. The relay is the same for the whole process; it is configured
// under the key mail:
//
//	mail:
//	  relay: smtp.example.org:25
//	  connections: 4
//
// An application adds [Module], which reads the key. The relay must not require a password.
//
// docs/extensions.md explains the code of this package.
package mail
