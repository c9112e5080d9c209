// Package inject gives values to the fields of services: those of the process come from go.uber.org/fx, and those of one call
// from a [Source], which is what package di calls a Provider.
//
// [New] makes an [App] of fx options. Each [Target] of it is one struct; [Target.Bind] sets the fields that live as long as the
// process, and adds the others to a [Plan], which runs in every call. Mistakes are reported for each field, in words that leave
// out the path on which fx came upon them.
package inject
