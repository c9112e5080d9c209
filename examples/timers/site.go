package timers

import (
	"context"
	"fmt"
	"net/http"
)

// A Site is a website. Get returns an error if the site does not answer, or answers with a status
// of at least 400.
type Site struct {
	URL string
	Get func(ctx context.Context) error
}

// NewSite returns the site named in the settings.
func NewSite(s Settings) Site {
	return Site{URL: s.Site, Get: func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Site, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode >= http.StatusBadRequest {
			return fmt.Errorf("%s answered %s", s.Site, response.Status)
		}
		return nil
	}}
}
