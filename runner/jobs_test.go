package runner

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/internal/hosttest"
	"github.com/gomeko/gomeko/jobs/store"
	"github.com/gomeko/gomeko/transport"
)

// eachStore runs f with the URI of an empty database of each kind.
func eachStore(t *testing.T, f func(t *testing.T, uri string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "jobs.db")) })
	t.Run("postgres", func(t *testing.T) { f(t, hosttest.Schema(t)) })
}

// workOff ends the job that a worker would claim next.
func workOff(t *testing.T, s *store.Store, end store.End) store.Job {
	t.Helper()
	claimed, err := s.Claim(t.Context(), store.Claim{Owner: "w", Host: "here", Queue: "gomeko.jobs.images", Limit: 1, Lease: time.Minute})
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	end.ID, end.Owner, end.Attempt = claimed[0].ID, "w", claimed[0].Attempt
	if ok, err := s.Finish(t.Context(), end); err != nil || !ok[0] {
		t.Fatalf("finish: %v, %v", ok, err)
	}
	return claimed[0]
}

// TestJobs takes jobs through their life with the commands. The test is their worker.
func TestJobs(t *testing.T) {
	eachStore(t, func(t *testing.T, uri string) {
		t.Setenv(storeVariable, uri)
		s := deadStage{t, brokertest.Embedded(t), nil}
		if strings.HasPrefix(uri, "postgres") {
			if _, diagnostics := s.run(1, "jobs ls"); !strings.Contains(diagnostics, "run gomeko jobs migrate") {
				t.Errorf("got %q", diagnostics)
			}
		}
		s.matches("jobs migrate", `: migrated from version 0 to \d+, id \S+\n$`)
		s.matches("jobs migrate", `: has version \d+ already, id \S+\n$`)
		s.matches("jobs ls", `^$`)
		id, _ := s.run(0, "jobs enqueue images.resize a.png token=planted width=300")
		id = strings.TrimSpace(id)
		s.matches("jobs enqueue images.crop --in 1h --priority 3 --id later", `^later\n$`)
		s.matches("jobs enqueue images.crop --id later", `^later\n$`)
		s.matches("jobs ls", `^ID +JOB +STATE +ATTEMPT +ENQUEUED +PROGRESS +ERROR\nlater +images.crop +scheduled +0 .*\n`+id+` +images.resize +queued +0 .*\n$`)
		s.matches("jobs ls images.crop --json", `^\{"id":"later",.*"priority":3,.*\}\n$`)
		s.matches("jobs ls images --state queued", id)
		s.matches("jobs ls --counts", `^JOB +STATE +JOBS\nimages.crop +scheduled +1\nimages.resize +queued +1\n$`)
		s.matches("jobs ls --limit 1 --json", `^[^\n]+\n$`)
		const first = `(?s)^id +%s\njob +images.resize, in queue gomeko.jobs.images\nstate +queued, after 0 attempts\n`
		s.matches("jobs show "+id, fmt.Sprintf(first, id)+`.*\nhidden +no worker has told yet whether its arguments are sensitive: .* --show-arguments.*\npayload\n"[^\n]*"\n$`)
		s.matches("jobs show --show-arguments "+id, fmt.Sprintf(first, id)+`.*"token": "\*\*",\n    "width": 300`)

		db, err := openStore(t.Context(), uri, false)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		sensitive := func(yes bool) {
			if err := db.Host(t.Context(), store.Row{Service: "images", Name: "resize", Queue: "gomeko.jobs.images", Sensitive: yes}); err != nil {
				t.Fatal(err)
			}
		}
		sensitive(false)
		workOff(t, db, store.End{State: store.Failed, ErrorType: "a.NotFound", Error: "no image\nid forged", Kind: store.KindFault, Stack: "at\nresize"})
		s.matches("jobs ls --state failed,cancelled", id+` +images.resize +failed +1 .* no image\n$`)
		s.matches("jobs show "+id, `(?s)\nerror +a.NotFound: no image\\nid forged\n.*\nattempt 1: fault on here, .*\n  no image\n  id forged\n  at\n  resize\n$`)
		s.matches("jobs show "+id, `\nstate +failed, after 1 attempt\n`)
		sensitive(true)
		for _, args := range []string{"jobs show " + id, "jobs show --json " + id, "jobs ls", "jobs ls --json"} {
			if out, _ := s.run(0, args); strings.Contains(out, "no image") || strings.Contains(out, "a.png") {
				t.Errorf("%s prints sensitive arguments, or an error that may quote them:\n%s", args, out)
			}
		}
		if _, diagnostics := s.run(1, "jobs retry --edit "+id); !strings.Contains(diagnostics, "its arguments are sensitive: retry it without --edit") {
			t.Errorf("got %q", diagnostics)
		}
		sensitive(false)
		if _, diagnostics := s.run(1, "jobs wait "+id); !strings.Contains(diagnostics, "NotFound: no image") {
			t.Errorf("got %q", diagnostics)
		}
		retried := func(script, want string) {
			editor := filepath.Join(t.TempDir(), "editor")
			if err := os.WriteFile(editor, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil { //nolint:gosec // a program
				t.Fatal(err)
			}
			t.Setenv("VISUAL", editor)
			s.matches("jobs retry --edit "+id, want)
		}
		retried(`: >"$1"`, `^skipped `+id+`\n$`)
		retried(`exec sed -i s/300/200/ "$1"`, `^queued `+id+`\n$`)
		job := workOff(t, db, store.End{State: store.Succeeded, Result: []byte(`{"width":200}`)})
		if !strings.Contains(string(job.Payload), "200") || job.Attempt != 2 {
			t.Errorf("got the payload %s and attempt %d", job.Payload, job.Attempt)
		}
		s.matches("jobs wait "+id, `^\{"width":200\}\n$`)
		s.matches("jobs show --json "+id, `"result":\{"width":200\}`)
		s.matches("jobs cancel later", `^cancelled later\n$`)
		for args, want := range map[string]string{
			"jobs cancel " + id + " later": "1 cannot cancel job " + id + ": it has succeeded already",
			"jobs show none":               "1 no such job",
			"jobs wait none":               "1 no such job",
			"jobs retry none":              "1 no such job",
			"jobs wait":                    "2 name the ID of a job",
			"jobs":                         "2 name a command",
			"jobs ls --state done":         `2 --state "done": must be one of`,
			"jobs ls --limit 0":            "2 --limit 0",
			"jobs prune --keep x":          `2 --keep "x"`,
			"jobs enqueue resize":          "2 which job?",
			"jobs enqueue a.b --at noon":   `2 --at "noon"`,
			"jobs enqueue a.b --in -1s":    "1 must not be negative",
			"jobs ls --store mysql://x":    "1 store: must be sqlite:FILE",
		} {
			if _, diagnostics := s.run(int(want[0]-'0'), args); !strings.Contains(diagnostics, want[2:]) {
				t.Errorf("gomeko %s: got %q, want %q", args, diagnostics, want[2:])
			}
		}
		s.matches("jobs prune", `^deleted 0\n$`)

		// The broker is unavailable: the job goes into the store.
		away := deadStage{t, "amqp://" + hosttest.FreeAddress(t), nil}
		away.matches("jobs enqueue images.resize --id away", `^away\n$`)
		away.matches("jobs ls images.resize --state queued", `away`)
	})
}

// TestJobsWithoutStore enqueues without a store, and tries commands that need one.
func TestJobsWithoutStore(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv(storeVariable, "")
	s := deadStage{t, brokertest.Embedded(t), nil}
	s.matches("jobs enqueue images.resize", `^\S{36}\n$`)
	if _, diagnostics := s.run(1, "jobs ls"); !strings.Contains(diagnostics, "gomeko.jobs.store") {
		t.Errorf("got %q", diagnostics)
	}
	if _, diagnostics := s.run(1, "jobs enqueue images.resize --priority 3"); !strings.Contains(diagnostics, "needs a store") {
		t.Errorf("got %q", diagnostics)
	}
	away := deadStage{t, "amqp://" + hosttest.FreeAddress(t), nil}
	if _, diagnostics := away.run(1, "jobs enqueue images.resize"); !strings.Contains(diagnostics, "no store of jobs is configured either") {
		t.Errorf("got %q", diagnostics)
	}
	s.matches("jobs migrate --store sqlite:"+storeFile, "migrated")
	s.matches("jobs ls", `^$`) // by now, the default file exists
}

// TestJobsPayload runs the code printed by payload, and reads what it publishes.
func TestJobsPayload(t *testing.T) {
	run := func(argv []string, code string) (string, error) {
		cmd := exec.CommandContext(t.Context(), argv[0], argv[1:]...)
		cmd.Stdin = strings.NewReader(code)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	brokertest.Managed(t, func(t *testing.T, uri, api string) {
		t.Setenv(storeVariable, "none")
		t.Setenv("AMQP_URI", uri)
		t.Setenv("GOMEKO_MANAGEMENT", withLogin(api))
		s := deadStage{t, uri, hosttest.Dial(t, transport.Config{URI: uri})}
		s.run(0, "jobs enqueue other.first") // declares the exchange
		received := make(chan *transport.Delivery, 2)
		err := s.conn.Declare(t.Context(), transport.Topology{
			Queues:   []transport.Queue{{Name: "gomeko.jobs.images", Durable: true, Args: transport.Table{"x-queue-type": "quorum"}}},
			Bindings: []transport.Binding{{Queue: "gomeko.jobs.images", Exchange: "gomeko.jobs", Key: "images.resize"}},
		})
		if err == nil {
			_, err = s.conn.Consume(t.Context(), transport.Consume{Queue: "gomeko.jobs.images", Handle: func(d *transport.Delivery) { d.Ack(); received <- d }})
		}
		if err != nil {
			t.Fatal(err)
		}
		programs := map[string][]string{"curl": {"sh"}, "python": {hosttest.Python(t, ".venv"), "-"}, "php": hosttest.PHP(t)}
		for language, argv := range programs {
			code, _ := s.run(0, `jobs payload images.resize it's_"ä"<\ width=300 --for `+language)
			if out, err := run(argv, code); err != nil {
				t.Fatalf("%s: %v: %s\n%s", language, err, out, code)
			}
			d := hosttest.Next(t, received)
			if want := `{"args":["it's \"ä\"<\\"],"kwargs":{"width":300}}`; string(d.Body) != want || len(d.MessageID) != 36 || d.ContentType != "application/json" || !d.Persistent {
				t.Errorf("%s: got %s, %+v, want %s", language, d.Body, d.Properties, want)
			}
		}
		ch := brokertest.Channel(t, uri)
		for _, absence := range []string{"of a queue", "of the exchange"} {
			err := ch.ExchangeDelete("gomeko.jobs", false, false)
			if err == nil && absence == "of a queue" {
				err = ch.ExchangeDeclare("gomeko.jobs", "topic", true, false, false, false, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			for language, argv := range programs {
				code, _ := s.run(0, "jobs payload images.resize --for "+language)
				if out, err := run(argv, code); err == nil {
					t.Errorf("%s, in the absence %s: no error: %s", language, absence, out)
				}
			}
		}
		s.matches("jobs payload images.resize a", `(?s)routing key +images.resize\nmandatory +yes.*body +\{"args":\["a"\],"kwargs":\{\}\}\n.*curl -sS.*import kombu.*<\?php`)
		if _, diagnostics := s.run(2, "jobs payload images.resize --for cobol"); !strings.Contains(diagnostics, "must be curl, python, php") {
			t.Errorf("got %q", diagnostics)
		}
	})
}

// withLogin adds the default user to the address of a management API, unless it has one.
func withLogin(api string) string {
	if strings.Contains(api, "@") {
		return api
	}
	return strings.Replace(api, "://", "://guest:guest@", 1)
}

// TestJobsDocumentation compares the table of docs/configuration.md with the keys.
func TestJobsDocumentation(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- keys of jobs -->\n")
	table, _, _ = strings.Cut(table, "<!-- end -->")
	for i := range reflect.TypeFor[jobsSettings]().NumField() {
		if key := reflect.TypeFor[jobsSettings]().Field(i).Tag.Get("yaml"); !regexp.MustCompile("(?m)^\\| `" + key + "` \\|").MatchString(table) {
			t.Errorf("docs/configuration.md does not have the key %s", key)
		}
	}
}

// TestJobsSettings reads the keys.
func TestJobsSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	read := func(text string) (*settings, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return load(file)
	}
	t.Setenv(storeVariable, "")
	for text, want := range map[string]bool{"": false, "gomeko: {jobs: {store: none}}": false, "gomeko: {jobs: {store: 'sqlite:x.db', keep: 3d}}": true} {
		s, err := read(text)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := s.jobs(false)
		if err != nil || (cfg.Open != nil) != want {
			t.Errorf("%s: got %+v, %v", text, cfg, err)
		}
	}
	if _, err := read("gomeko: {jobs: {store: 'mysql://u:planted@h'}}"); err == nil || !strings.Contains(err.Error(), "must be sqlite:FILE") || strings.Contains(err.Error(), "planted") {
		t.Errorf("got %v", err)
	}
	s, err := read("")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := s.jobs(true)
	if err != nil {
		t.Fatal(err)
	}
	db, err := cfg.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := os.Stat(filepath.Join(dir, storeFile)); err != nil {
		t.Error(err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
