// Package mail is a dependency with pooled resources: services send mail by SMTP, over connections that all services of
// a process share and use again.
//
//	Send mail.Sender `mail:"accounts@example.org"`
//
// The tag is the address that mail is from; where it goes is for the whole process, in the key mail of its configuration:
//
//	mail:
//	  relay: smtp.example.org:25
//	  connections: 4
//
// An application adds [Module] for that. The relay is one that asks for no password: that of the machine or of the site.
//
// It is written as anyone would write an extension: docs/extensions.md goes through it.
package mail
