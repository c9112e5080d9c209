// Package inject sets the fields of services. Values that live as long as the process come from
// go.uber.org/fx. Values that live as long as a call come from a [Source], which is a Provider of
// package di.
//
// [New] creates an [App] from fx options. Each [Target] of the App is a struct that was passed to
// [Fill]. [Target.Bind] sets a field that has one value for the process. If the field has a value
// for each call, it adds a step to a [Plan], which runs in every call. Mistakes name the field that
// they concern. Errors of fx are reduced to their cause, without the path on which fx found it.
package inject
