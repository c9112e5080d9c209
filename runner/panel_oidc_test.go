package runner

import (
	"os"
	"path/filepath"
	"testing"
)

// TestPanelOIDC reads the keys of a login at an OpenID provider.
func TestPanelOIDC(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const needed = "issuer: 'https://id.example.org', client_id: panel"
	for config, want := range map[string]string{
		"{}": "",
		"{url: 'https://panel.example.org/', oidc: {" + needed + ", client_secret: '@" + file + "', title: Staff, groups_claim: groups, group_prefix: 'gomeko:'}}": "Staff",
		"{url: 'http://127.0.0.1:8080', oidc: {" + needed + ", groups_claim: realm_access.roles, groups: {sellers: [shop, shop/sales]}}}":                          "Single sign-on",
		"{oidc: {" + needed + "}}":                                                           "gomeko.panel.url: must be the https address where people reach the panel, as in https://panel.example.org: the provider of gomeko.panel.oidc sends their browsers back there",
		"{url: 'http://panel.example.org', oidc: {" + needed + "}}":                          "gomeko.panel.url: must be the https address where people reach the panel, as in https://panel.example.org: the provider of gomeko.panel.oidc sends their browsers back there",
		"{url: 'https://panel.example.org', oidc: {" + needed + ", client_secret: '@none'}}": "gomeko.panel.oidc.client_secret: open none: no such file or directory",
		"{url: 'https://panel.example.org', oidc: {issuer: id, group_prefix: x}}": `gomeko.panel.oidc.issuer: must be a URL, as in https://id.example.org, not "id"
gomeko.panel.oidc.client_id: must be the id that the provider has given the panel
gomeko.panel.oidc.groups_claim: must name the claim with the groups, as in groups, if groups or group_prefix is given`,
	} {
		signOn, err := loaded(t, "gomeko: {panel: "+config+"}").panelKeys.signOn()
		got := ""
		if signOn != nil {
			got = signOn.Title()
		}
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %s\nwant %s", config, got, want)
		}
	}
}
