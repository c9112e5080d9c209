package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/gomeko/gomeko/internal/brokertest"
)

// printUnit runs a command that prints a unit and returns what it prints.
func printUnit(t *testing.T, args ...string) string {
	t.Helper()
	p := start(t, "", "", args...)
	if status := p.Wait(); status != 0 {
		t.Fatalf("%q: got exit status %d", args, status)
	}
	return p.Stdout()
}

// schemaOf compiles a part of a schema in testdata/schema. The schemas are those published by
// Kubernetes 1.37 (in the strict form of kubernetes-validate) and by the Compose specification
// (compose-go 2.16.2), without descriptions.
func schemaOf(t *testing.T, file, part string) *jsonschema.Schema {
	t.Helper()
	path, err := filepath.Abs("testdata/schema/" + file)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.NewCompiler().Compile("file://" + path + "#" + part)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// documentsOf returns the documents of a YAML file, in JSON's types.
func documentsOf(t *testing.T, text string) (all []map[string]any) {
	t.Helper()
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, doc.(map[string]any))
	}
}

// in returns the value in v at a path of keys; 0 means the first element of a list.
func in(v any, path string) any {
	for _, key := range strings.Fields(path) {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[key]
		case []any:
			v = inner[0]
		default:
			return nil
		}
	}
	if number, ok := v.(json.Number); ok {
		return number.String()
	}
	return v
}

// Manifests match the schemas of Kubernetes.
func TestK8s(t *testing.T) {
	t.Parallel()
	deployment := schemaOf(t, "kubernetes.json", "/$defs/io.k8s.api.apps.v1.Deployment")
	service := schemaOf(t, "kubernetes.json", "/$defs/io.k8s.api.core.v1.Service")
	const probes = "web: {live_path: /live, ready_path: /ready, drain_delay: 5s}"
	const pod = "spec template spec "
	const first = pod + "containers 0 "
	cert, key := brokertest.NewCA(t, "authority").Issue(t, "page", "page")
	for name, test := range map[string]struct {
		pkg, config string
		args        []string
		kinds       int
		want        map[string]any // in the Deployment
	}{
		"http": {"./testdata/page", "gomeko: {grace: 40s, " + probes + "}\nWEB_SERVER_ADDRESS: 0.0.0.0:9000\n", []string{"--replicas", "3", "--image", "shop/page:v1"}, 2, map[string]any{
			"metadata name": "page", "spec replicas": "3", pod + "terminationGracePeriodSeconds": "55", pod + "securityContext runAsNonRoot": true,
			first + "image": "shop/page:v1", first + "ports 0 containerPort": "9000", first + "livenessProbe httpGet path": "/live",
			first + "readinessProbe httpGet path": "/ready", first + "readinessProbe httpGet port": "9000", first + "securityContext readOnlyRootFilesystem": true,
			first + "env 0 name": "GOMEKO_BROKER", first + "env 0 valueFrom secretKeyRef name": "page", first + "resources limits memory": "256Mi",
		}},
		"no http": {"./testdata/work", "gomeko: {" + probes + ", wait_for_broker: 1m}\n", nil, 1, map[string]any{
			first + "ports": nil, first + "livenessProbe httpGet port": "8000", first + "startupProbe failureThreshold": "60",
		}},
		"admin": {"./testdata/work", "gomeko: {admin: \"0.0.0.0:9090\"}\n", []string{"--name", "my-work"}, 1, map[string]any{
			"metadata name": "my-work", first + "ports": nil, first + "readinessProbe httpGet path": "/ready", first + "readinessProbe httpGet port": "9090",
		}},
		"tls": {"./testdata/page", "gomeko: {web: {live_path: /live, ready_path: /ready, tls_cert: " + cert + ", tls_key: " + key + "}}\n", nil, 2, map[string]any{
			first + "livenessProbe httpGet scheme": "HTTPS",
		}},
		"jobs": {"../../examples/jobs", "gomeko: {jobs: {store: \"postgres://me:pw@db/jobs\"}, " + probes + "}\nown:\n  db: ${DB:x}\n  key: ${API_KEY}\n", nil, 2, map[string]any{
			first + "env 0 name": "GOMEKO_BROKER",
		}},
	} {
		text := printUnit(t, append([]string{"k8s", test.pkg, "--config", configured(t, test.config)}, test.args...)...)
		documents := documentsOf(t, text)
		if len(documents) != test.kinds {
			t.Fatalf("%s: got %d documents, want %d:\n%s", name, len(documents), test.kinds, text)
		}
		if err := deployment.Validate(documents[0]); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if test.kinds == 2 {
			if err := service.Validate(documents[1]); err != nil {
				t.Errorf("%s: %v\n%s", name, err, text)
			}
		}
		for path, want := range test.want {
			if got := in(documents[0], path); got != want {
				t.Errorf("%s: %s: got %v, want %v", name, path, got, want)
			}
		}
		if name == "jobs" && !strings.Contains(text, "generic jobs --from-literal=GOMEKO_BROKER=… --from-literal=GOMEKO_JOBS_STORE=… --from-literal=API_KEY=…\n") {
			t.Errorf("got\n%s\nwant the variables of the Secret in it", text)
		}
	}
	wrong := documentsOf(t, "apiVersion: apps/v1\nkind: Deployment\nspec: {selector: {}, template: {spec: {containers: [{name: a, image: b, port: 1}]}}}\n")
	if deployment.Validate(wrong[0]) == nil {
		t.Error("the schema accepts a key that does not exist")
	}
	for args, want := range map[string]string{
		"k8s":                              "k8s: which package? Name its folder, as in gomeko k8s ./orders",
		"k8s ./testdata/page":              "nothing answers the probes: set gomeko.web.live_path: /live and",
		"k8s ./testdata/page --replicas 0": "--replicas 0: must be at least 1",
		"k8s ./testdata/page --name Page2. --config " + configured(t, "gomeko: {"+probes+"}"):                         `"page2.": cannot be a name in Kubernetes`,
		"k8s ./testdata/page --config " + configured(t, "gomeko: {"+probes+"}\nWEB_SERVER_ADDRESS: localhost:8000\n"): "localhost:8000 cannot be reached from outside of a container: set it to 0.0.0.0:8000",
	} {
		p := start(t, "", "", strings.Fields(args)...)
		if status := p.Wait(); status == 0 || !strings.Contains(p.Stderr(), want) || p.Stdout() != "" {
			t.Errorf("%s: got exit status %d and\n%s\nwant %s", args, status, p.Stderr(), want)
		}
	}
}

// Compose files match the schema of their specification. If docker compose is installed, it accepts
// them.
func TestCompose(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, "compose.json", "")
	folder := t.TempDir()
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if p := start(t, folder, "", "new", "pdf-maker", "--clone", clone, "--with", "http,jobs,postgres"); p.Wait() != 0 {
		t.Fatal("gomeko new failed")
	}
	made := filepath.Join(folder, "pdf-maker")
	for name, test := range map[string]struct {
		dir    string
		args   []string
		status int
		want   map[string]any
	}{
		"http": {"", []string{"./testdata/page", "--config", configured(t, "gomeko: {grace: 40s}\nkey: ${KEY}\n"), "--image", "page:v1"}, 0, map[string]any{
			"services page image": "page:v1", "services page build": nil, "services page ports 0": "8000:8000", "services page stop_grace_period": "50s",
			"services page environment GOMEKO_BROKER": "amqp://guest:guest@rabbitmq:5672/", "services page environment KEY": "${KEY:?set it in the environment or in the file .env}",
			"services rabbitmq healthcheck interval": "5s", "services postgres": nil,
		}},
		"no http": {"", []string{"./testdata/work", "--exec", "/bin/work"}, 0, map[string]any{"services work ports": nil}},
		"jobs": {"", []string{"../../examples/jobs", "--config", configured(t, "gomeko: {jobs: {store: \"postgres://me:pw@db/jobs\"}}\n")}, 0, map[string]any{
			"services jobs environment GOMEKO_JOBS_STORE": "postgres://postgres:postgres@postgres:5432/postgres", "services postgres healthcheck retries": "20",
		}},
		"made": {made, []string{".", "--config", "config.yaml"}, 0, map[string]any{
			"services pdf-maker build": ".", "services pdf-maker environment DATABASE_URL": "postgres://postgres:postgres@postgres:5432/postgres",
		}},
	} {
		p := start(t, test.dir, "", append([]string{"compose"}, test.args...)...)
		if status := p.Wait(); status != test.status {
			t.Fatalf("%s: got exit status %d", name, status)
		}
		document := documentsOf(t, p.Stdout())[0]
		if err := schema.Validate(document); err != nil {
			t.Errorf("%s: %v\n%s", name, err, p.Stdout())
		}
		for path, want := range test.want {
			if got := in(document, path); got != want {
				t.Errorf("%s: %s: got %v, want %v", name, path, got, want)
			}
		}
		if exec.Command("docker", "compose", "version").Run() == nil {
			cmd := exec.Command("docker", "compose", "--project-name", "test", "--file", "-", "config", "--quiet")
			cmd.Stdin, cmd.Env = strings.NewReader(p.Stdout()), append(os.Environ(), "KEY=x")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s: docker compose config: %v\n%s", name, err, out)
			}
		}
	}
	// The file that gomeko new writes matches, too.
	text, err := os.ReadFile(filepath.Join(made, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(documentsOf(t, string(text))[0]); err != nil {
		t.Errorf("compose.yaml of gomeko new: %v", err)
	}
}
