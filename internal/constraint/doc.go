// Package constraint checks values by the tags of their fields: enum, min, max, minLength,
// maxLength, pattern and format.
//
// [Of] compiles the tag of a field once into a [Rule], and reports mistakes in the tag. The decoder
// of package codec checks the members of objects as it reads them, because only it knows which ones
// are absent. Package service checks the parameters of methods. [Keywords] are the same constraints
// in the terms of JSON Schema. [New] compiles them into a rule, with which a form checks what the
// worker will check.
package constraint
