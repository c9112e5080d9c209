// Package form makes HTML forms for the arguments of a row, and reads what users fill in. A control
// panel shows them: see docs/describe.md for the rows that it may run.
//
// A [Form] is built from the description of a service that fleet.Describe returns. Its fields are
// in the order of the parameters, with the defaults and the help texts of the parameters:
//
//	f, err := form.New(document, "Update")
//	…
//	html, err := f.Blank().HTML() // for a page that has <form method="post"> and the button
//
// Parse reads the values that the browser sends. Arguments validates them with the same code that
// decodes and validates them in the worker:
//
//	in := f.Parse(r.PostForm)
//	if in.Edited() { // a row more, or one less: show the form again
//		return page(in.HTML())
//	}
//	args, faults := in.Arguments()
//	if len(faults) > 0 { // they are marked at their fields
//		return page(in.HTML())
//	}
//	err := start(args) // such as Start of panel/run
//	var invalid *service.ValidationError
//	if errors.As(err, &invalid) { // the row has changed, or its method checks more
//		in.Mark(invalid.Faults)
//		return page(in.HTML())
//	}
//
// [Form.Fill] returns the form with the arguments of an earlier call, and [Diff] returns how a row
// has changed.
//
// # Which field does a value have?
//
//	bool                        a checkbox; a list of yes and no if it can be left out
//	enum                        a list
//	integer, number             an input for numbers, with its limits
//	string                      an input for text, email addresses or URLs; a textarea if it is long
//	time.Time, date-time        a picker, with a list of offsets from UTC
//	codec.Date, codec.TimeOfDay a picker
//	sensitive                   a password, which is never sent back to the browser
//	struct                      a group; a button adds one that can be left out
//	list, map                   rows, which buttons add and remove
//	anything else               a textarea with JSON
//
// A value that its field cannot hold is shown as JSON, too: a text with control characters, a list
// of more than 200 elements, groups that are nested too deep. So an earlier call can always be
// shown.
//
// # What does an empty field stand for?
//
// An optional value is omitted, and its default applies. A text that may be empty is sent empty; if
// it may also be omitted or null, the user chooses what an empty field means. An empty field for a
// required value is a fault.
//
// # What does a page need?
//
// The HTML contains neither scripts nor styles, and works without scripts. The script that [Script]
// returns adds and removes rows without a request. A page may style these classes:
//
//	form             the whole form
//	faults, changes  lists at its top, with an h2: what is wrong, how the row has changed
//	field            a label, its help and its input; also check (a checkbox), key (of an entry)
//	group            a fieldset; also rows (with rows that can be added)
//	slots, row       the rows of a group, and one of them
//	faulty           a field or a group with faults
//	fault            the list of its faults, below the input
//	help, hint       the text above the input; the limits in it
//	required         the word in a label
//	json             a textarea with JSON
//	moment, if-empty the inputs of a date and time; the choice of what an empty text is
//	add, remove      the buttons of rows
//	hidden           text for screen readers only: the page must hide it from others
//
// Names of inputs begin with / or with a word and :, so they do not collide with inputs that the
// page adds. The name and the id of a field are always the same.
//
// # Hostile input
//
// Descriptions come from processes, and values from browsers; neither is trusted. All texts are
// escaped. Recursive types, huge types, and huge or malformed values are bounded, and become faults
// with a clear text.
package form
