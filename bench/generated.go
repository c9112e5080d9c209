package main

// generated returns services that differ in nothing but their name. In a build that measures them
// they take the place of this file: a service's name is part of its type.
func generated() []any { return nil }
