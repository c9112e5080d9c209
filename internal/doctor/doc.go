// Package doctor finds problems of a broker and a store of jobs before they make services fail. The
// command gomeko doctor prints its findings.
//
//	report := doctor.Examine(ctx, doctor.Patient{Broker: transport.Config{URI: uri}, Plans: connection.Plans(host)})
//	for _, f := range report.Findings {
//		fmt.Println(f.Level, f.What, f.Remedy)
//	}
//
// Doctor changes nothing. It asks the broker for everything that services declare, but in a form
// that the broker cannot carry out: see [transport.Conn.Rehearse]. It reads policies, leftover
// queues, alarms, limits and feature flags from the broker's management API, if there is one.
package doctor
