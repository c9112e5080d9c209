// Package cron evaluates cron expressions in a time zone, correctly even on the nights when clocks
// change.
//
//	s, err := cron.Parse("30 2 * * *", madrid)
//	next := s.Next(time.Now()) // 02:30 in Madrid, once each day
//
// # Expressions
//
// An expression has five fields, or six with seconds first:
//
//	field         values          names      also
//	second        0-59                       (with six fields; otherwise 0)
//	minute        0-59
//	hour          0-23
//	day of month  1-31                       L (the last day), L-3 (three days before it)
//	month         1-12            JAN-DEC
//	day of week   0-7 (0 and 7    SUN-SAT    5L (the month's last Friday), 5#2 (its second Friday)
//	              are Sunday)
//
// A field is a comma-separated list of values, ranges (9-17), steps (*/15, 9-17/2, 10/15, which is
// 10-59/15 for minutes) or *, which means every value. Names and L are read in upper or lower case.
// @yearly (or @annually), @monthly, @weekly, @daily (or @midnight) and @hourly stand for whole
// expressions.
//
// If both day fields are restricted, a day matches if either field does, as in every cron: "0 9 1 *
// MON" is nine o'clock on each Monday and on the first of each month. A field that begins with *
// does not count as restricted: "0 9 */2 * MON" is nine o'clock on the Mondays whose date is odd.
//
// # When clocks change
//
// The rule is that of Vixie cron. If neither the minute nor the hour contains *, the expression
// names fixed times, and each of them runs once for each local date, when the clock first reaches
// or passes it:
//
//   - A time that is skipped runs at the first instant after the gap. In Madrid, "30 2 * * *" runs
//     at 03:00 on the night in March on which 02:00 is followed by 03:00. Several skipped times run
//     there together, as one tick.
//   - A time that occurs twice runs at the first of the two.
//
// Otherwise, the expression describes an interval, and runs whenever the clock shows a matching
// time: "*/30 * * * *" runs every 30 minutes of real time on both nights.
package cron
