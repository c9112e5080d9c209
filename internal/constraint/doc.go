// Package constraint checks values by the tags of their fields: enum, min, max, minLength,
// maxLength, pattern and format.
//
// [Of] compiles the tag of a field once into a [Rule], with its mistakes. The decoder of package
// codec checks the members of objects as it reads them, because only it knows which ones are
// absent; package service checks the parameters of methods. [Keywords] are the same demands for
// schemas, and [New] returns the rule of the keywords of a schema: a form checks with it what the
// worker will check.
package constraint
