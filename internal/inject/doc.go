// Package inject sets the fields of services. Values that live as long as the process come from
// go.uber.org/fx, and values that live as long as a call from a [Source], which is package di's
// Provider.
//
// [New] makes an [App] of fx options. Each [Target] of the App is one struct, which [Fill] named.
// [Target.Bind] sets a field of the process, and adds a field of calls to a [Plan], which runs in
// every call. A mistake is reported with the field that it concerns. Errors of fx are shortened to
// their cause, without the path on which fx found it.
package inject
