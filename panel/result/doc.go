// Package result shows the results and the arguments of runs. JSON from a service becomes a text,
// the members of an object, or a table, and a file for a spreadsheet.
//
//	v := result.Of(run.Result)
//	… {{if .Table}}<table>…
//	err := result.CSV(w, run.Result)
//
// # How is a value shown?
//
//	a list of objects             a table with a column for each name
//	a list of lists, or of texts  a table without names
//	an object                     its members; a list in it becomes a table
//	a text                        itself
//	anything else                 JSON
//
// Values that are too large for a page are truncated, and [Value.Cut] is set: offer the whole value
// as a file. Use html/template, which escapes the texts.
//
// # Hostile results
//
// A result may be huge, nested a million levels deep, or crafted to attack the user who opens it.
// [Of] and [CSV] take time and memory in proportion to its size. Spreadsheets interpret a text that
// begins with = as a formula, so [CSV] prefixes it with an apostrophe.
package result
