package runner

import (
	"testing"
	"time"

	"github.com/gomeko/gomeko/internal/brokertest"
	"github.com/gomeko/gomeko/jobs/store"
)

// TestJobsResources shows which job holds a resource and which ones wait for it, and enqueues a job
// with a unique key twice.
func TestJobsResources(t *testing.T) {
	eachStore(t, func(t *testing.T, uri string) {
		t.Setenv(storeVariable, uri)
		s := deadStage{t, brokertest.Embedded(t), nil}
		s.matches("jobs migrate", `migrated`)
		s.matches("jobs resources", `^$`)
		db, err := openStore(t.Context(), uri, false)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		_, err = db.SetSpec(t.Context(), store.Spec{
			Service: "images", Name: "sync", Text: `{"signature":"sync(tenant)","unique":"tenant","unique_for":"1h","resource":"tenant:{tenant}"}`,
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.SetSpec(t.Context(), store.Spec{Service: "images", Name: "drop", Text: `{"signature":"drop()","resource":"tenant:7","on_retry":"pass"}`})
		if err != nil {
			t.Fatal(err)
		}
		s.matches("jobs enqueue images.sync 7 --id first", `^first\n$`)
		s.matches("jobs enqueue images.sync tenant=7 --id second", `^first\n$`)
		s.matches("jobs enqueue images.drop --id third", `^third\n$`)
		s.matches("jobs enqueue images.sync 8 --id other", `^other\n$`)
		_, err = db.Claim(t.Context(), store.Claim{Owner: "w", Host: "here", Queue: "gomeko.jobs.images", Limit: 1, Lease: time.Minute, Resources: true})
		if err != nil {
			t.Fatal(err)
		}
		s.matches("jobs resources", `^RESOURCE +JOB +ID +STATE +SINCE +HOST +WAITING\n`+
			`tenant:7 +images.sync +first +running +.* +here +1\ntenant:8 +images.sync +other +queued +.* +- +0\n$`)
		s.matches("jobs resources --json", `^\{"resource":"tenant:7","first":\{"id":"first",.*\},"waiting":1\}\n\{.*\n$`)
		s.matches("jobs resources tenant:7", `^ID +JOB +STATE +SINCE +HOST\nfirst +images.sync +running .*\nthird +images.drop +queued .*\n$`)
		s.matches("jobs resources tenant:7 --limit 1 --json", `^\{"id":"first".*"unique_key":"\[7\]",.*"resource":"tenant:7".*\}\n$`)
		s.matches("jobs resources none", `^$`)
		s.matches("jobs show first", `\nunique +\[7\]\nuntil .*, even if it has ended\nresource +tenant:7\n`)
		s.matches("jobs show third --json", `"on_retry":"pass"`)
	})
}

// TestJobsUnknown enqueues jobs that no worker knows, which gives a warning.
func TestJobsUnknown(t *testing.T) {
	eachStore(t, func(t *testing.T, uri string) {
		t.Setenv(storeVariable, uri)
		s := deadStage{t, brokertest.Embedded(t), nil}
		s.matches("jobs migrate", `migrated`)
		db, err := openStore(t.Context(), uri, false)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.Host(t.Context(), store.Row{Service: "images", Name: "resize", Queue: "gomeko.jobs.images"}); err != nil {
			t.Fatal(err)
		}
		for args, want := range map[string]string{
			"images.resize": "",
			"images.resiez": "warning: no worker has had a job resiez of service images yet: did you mean resize?\n",
			"images.forget": "warning: no worker has had a job forget of service images yet\n",
			"imges.resize":  "warning: no worker of service imges has used this store yet: did you mean images?\n",
		} {
			if _, got := s.run(0, "jobs enqueue "+args); got != want {
				t.Errorf("gomeko jobs enqueue %s: %s", args, got)
			}
		}
	})
}
