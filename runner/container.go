package runner

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/gomeko/gomeko/contract"
)

//go:embed units/kubernetes.yaml.tmpl
var kubernetesManifest string

//go:embed units/compose.yaml.tmpl
var composeFile string

// A container holds the data for the templates of a Deployment and of a compose file.
type container struct {
	Package string // as named by the user
	Name    string // of the Deployment, or of the service in the compose file
	Image   string
	Service string // the first service in the package
	Grace   int    // seconds before a stopping process is killed

	HTTP bool // it has rows that serve HTTP
	Port int  // of HTTP

	Store     bool     // jobs are kept in PostgreSQL
	Databases []string // variables whose default names a PostgreSQL
	Others    []string // variables without a default

	// For a Deployment.
	Replicas      int
	Live, Ready   string // paths of the probes
	ProbePort     int
	Scheme        string // of the probes: HTTP or HTTPS
	StartAttempts int    // how often the first probe may fail

	// For a compose file.
	Build string // the folder with the Dockerfile; "" is none
	Exec  string // the program in the image
}

// Postgres reports whether the services need a PostgreSQL.
func (k *container) Postgres() bool { return k.Store || len(k.Databases) > 0 }

// Required returns the variables that a Secret must contain.
func (k *container) Required() []string {
	if k.Store {
		return []string{brokerVariable, storeVariable}
	}
	return []string{brokerVariable}
}

// Secrets returns the variables of a Secret.
func (k *container) Secrets() []string { return slices.Concat(k.Required(), k.Databases, k.Others) }

func (c *command) k8sCommand() *cobra.Command {
	var k container
	cmd := &cobra.Command{
		Use:   "k8s PKG",
		Short: "Print a Deployment of Kubernetes that runs a package of services",
		Long: "Print a Deployment of Kubernetes that runs a package of services, and a Service if they serve HTTP.\n\n" +
			"The package is built, to see what its services are. The probes ask gomeko.web.live_path and ready_path of the\n" +
			"configuration or, if it does not set them, gomeko.admin. The broker and other variables come from a Secret. A stop\n" +
			"gives running calls the grace of the configuration. The image has the configuration, as the Dockerfile of gomeko\n" +
			"new writes it; it needs no root and no file that it can write to.",
		Args: onePackage("k8s"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if k.Replicas < 1 {
				return usagef("--replicas %d: must be at least 1", k.Replicas)
			}
			s, err := c.inspect(cmd.Context(), args[0], &k)
			if err != nil {
				return err
			}
			k.Name = strings.ToLower(strings.ReplaceAll(k.Name, "_", "-"))
			if !label.MatchString(k.Name) {
				return usagef("%q: cannot be a name in Kubernetes: give another one with --name, of lower-case letters, digits and -", k.Name)
			}
			if err := k.probe(s); err != nil {
				return err
			}
			return printUnit(c.out, kubernetesManifest, &k)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&k.Name, "name", "", "`NAME` of the Deployment, the Service and the Secret (default: that of the program)")
	flags.StringVar(&k.Image, "image", "", "`IMAGE` with its tag (default: the name and the version of git describe)")
	flags.IntVar(&k.Replicas, "replicas", 2, "`NUMBER` of pods")
	return cmd
}

func (c *command) composeCommand() *cobra.Command {
	var k container
	cmd := &cobra.Command{
		Use:   "compose PKG",
		Short: "Print a compose file that runs a package of services with RabbitMQ",
		Long: "Print a compose file that runs a package of services with RabbitMQ.\n\n" +
			"The package is built, to see what its services are. PostgreSQL is added if they have jobs and keep them there, or if\n" +
			"the configuration has a variable whose default is the URL of one. The image is built from the Dockerfile in the\n" +
			"folder of the package or of its module.",
		Args: onePackage("compose"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := c.inspect(cmd.Context(), args[0], &k); err != nil {
				return err
			}
			k.Exec = cmp.Or(k.Exec, "/"+k.Name)
			return printUnit(c.out, composeFile, &k)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&k.Image, "image", "", "`IMAGE` with its tag (default: the name and the version of git describe)")
	flags.StringVar(&k.Exec, "exec", "", "`FILE` of the program in the image (default: /NAME)")
	return cmd
}

// label matches the names of Deployments and Services.
var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$`)

// onePackage checks the arguments of a command that prints a unit for one package.
func onePackage(command string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%s: which package? Name its folder, as in gomeko %[1]s ./orders", command)
		}
		return nil
	}
}

func printUnit(to io.Writer, text string, data any) error {
	return template.Must(template.New("unit").Parse(text)).Execute(to, data)
}

// inspect fills k from the configuration and from the services of a package. It returns the
// configuration.
func (c *command) inspect(ctx context.Context, word string, k *container) (*settings, error) {
	s, err := c.configuration()
	if err != nil {
		return nil, err
	}
	packages, err := new(builder).find(ctx, []string{word})
	if err != nil {
		return nil, err
	}
	documents, err := c.documents(ctx, word)
	if err != nil {
		return nil, err
	}
	first := packages[0]
	k.Package, k.Service = word, documents[0].Service
	k.Name = cmp.Or(k.Name, path.Base(first.ImportPath))
	k.Image = cmp.Or(k.Image, k.Name+":"+imageTag(gitVersion(ctx, first.Dir)))
	k.Grace = s.stopSeconds()
	k.Build = first.dockerfile()
	k.HTTP = uses(documents, "web", "socket")
	if k.HTTP {
		if k.Port, err = s.webPort(); err != nil {
			return nil, err
		}
	}
	store, err := s.storeURI("")
	if err != nil {
		return nil, err
	}
	k.Store = uses(documents, "jobs") && isPostgres(store)
	for _, name := range slices.Sorted(maps.Keys(s.cfg.Variables)) {
		switch fallback := s.cfg.Variables[name]; {
		case name == storeVariable && k.Store, name == brokerVariable:
		case isPostgres(fallback):
			k.Databases = append(k.Databases, name)
		case fallback == "" && name != brokerVariable && name != "AMQP_URI":
			k.Others = append(k.Others, name)
		}
	}
	return s, nil
}

// documents builds the program of a package, as gomeko run does, and runs it to describe its
// services.
func (c *command) documents(ctx context.Context, word string) (documents []*contract.Document, err error) {
	program, err := c.buildWithMain(ctx, []string{word}, "which describes services: name the package of the services")
	if err != nil {
		return nil, err
	}
	args := append([]string{"describe", "--json"}, changed(c.flags, "name", "image", "replicas", "exec")...)
	out, err := exec.CommandContext(ctx, program, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		_, _ = c.err.Write(exit.Stderr)
		return nil, errShown
	}
	if err != nil {
		return nil, err
	}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var one contract.Document
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("the description of %s cannot be read: %w", word, err)
		}
		documents = append(documents, &one)
	}
	if len(documents) == 0 {
		return nil, fmt.Errorf("%s has no services", word)
	}
	return documents, nil
}

// uses reports whether a service has a row or a field of one of the kinds.
func uses(documents []*contract.Document, kinds ...string) bool {
	return slices.ContainsFunc(documents, func(d *contract.Document) bool {
		return slices.ContainsFunc(d.Rows, func(r contract.Row) bool { return slices.Contains(kinds, r.Kind) }) ||
			slices.ContainsFunc(d.Uses, func(u contract.Use) bool { return slices.Contains(kinds, u.Kind) })
	})
}

// probe sets the paths and the scheme of the probes.
func (k *container) probe(s *settings) (err error) {
	host, port, _ := net.SplitHostPort(s.cfg.Admin)
	k.Scheme = "HTTP"
	k.StartAttempts = 30 + int(s.cfg.WaitForBroker/(2*time.Second))
	switch {
	case s.web.LivePath != "" && s.web.ReadyPath != "":
		k.Live, k.Ready = s.web.LivePath, s.web.ReadyPath
		if s.web.TLSCert != "" {
			k.Scheme = "HTTPS"
		}
		k.ProbePort, err = s.webPort()
		return err
	case port != "" && port != "0" && !loopback(host):
		k.Live, k.Ready = "/live", "/ready"
		k.ProbePort, err = strconv.Atoi(port)
		return err
	}
	return usagef("nothing answers the probes: set gomeko.web.live_path: /live and gomeko.web.ready_path: /ready in the configuration, " +
		"or gomeko.admin: 0.0.0.0:9090, and name the file with --config")
}

// webPort returns the HTTP port, which must be reachable from outside the container.
func (s *settings) webPort() (int, error) {
	address := cmp.Or(s.cfg.WebAddress, "0.0.0.0:8000")
	host, text, err := net.SplitHostPort(address)
	port, portErr := strconv.Atoi(text)
	if err != nil || portErr != nil || port == 0 || loopback(host) {
		return 0, fmt.Errorf("WEB_SERVER_ADDRESS: %s cannot be reached from outside of a container: set it to 0.0.0.0:8000 in the configuration", address)
	}
	return port, nil
}

// dockerfile returns the folder that contains a Dockerfile: that of the package or of its module,
// or "".
func (p *found) dockerfile() string {
	folders := []string{p.Dir}
	if p.Module != nil && p.Module.GoMod != "" {
		folders = append(folders, filepath.Dir(p.Module.GoMod))
	}
	for _, dir := range folders {
		if info, err := os.Stat(filepath.Join(dir, "Dockerfile")); err == nil && !info.IsDir() {
			return fromHere(dir)
		}
	}
	return ""
}

// fromHere returns the path of a folder relative to the working directory, or its absolute path.
func fromHere(dir string) string {
	here, err := os.Getwd()
	if err != nil {
		return dir
	}
	near, err := filepath.Rel(here, dir)
	if err != nil {
		return dir
	}
	return filepath.ToSlash(near)
}

// notInTag matches characters that an image tag must not contain.
var notInTag = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

// imageTag returns the image tag for a version.
func imageTag(version string) string {
	return cmp.Or(notInTag.ReplaceAllString(version, "-"), "latest")
}
