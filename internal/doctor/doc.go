// Package doctor looks for what is wrong with a broker and a store of jobs, before services fail
// because of it. The command gomeko doctor prints what it finds.
//
//	report := doctor.Examine(ctx, doctor.Patient{Broker: transport.Config{URI: uri}, Plans: connection.Plans(host)})
//	for _, f := range report.Findings {
//		fmt.Println(f.Level, f.What, f.Remedy)
//	}
//
// Doctor asks the broker for everything that services declare, but in a form that it cannot carry
// out, see [transport.Conn.Rehearse]: so it changes nothing. Policies, leftover queues, alarms,
// limits and feature flags are read from the broker's management API, if there is one.
package doctor
