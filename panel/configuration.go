package panel

import (
	"net/http"

	"github.com/gomeko/gomeko/internal/clip"
	"github.com/gomeko/gomeko/internal/secret"
)

// configurationPages are the pages that show the panel's configuration.
func configurationPages() []page {
	return []page{{pattern: "GET " + operationsPath + "/configuration", tab: "Configuration", permission: SeeConfiguration, serve: showConfiguration}}
}

// maxConfiguration limits how much of the configuration is shown, in bytes.
const maxConfiguration = 256 << 10

func showConfiguration(v *visit) error {
	text := ""
	if v.cfg.Configuration != nil {
		text = clip.Text(secret.Mask(v.cfg.Configuration.String()), maxConfiguration)
	}
	return v.render(http.StatusOK, "configuration.html", "Configuration", text)
}
