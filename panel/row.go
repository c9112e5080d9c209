package panel

import (
	"net/http"
	"net/url"
)

const servicesPath = "/services/"

// rowPages are about one row of a service.
func rowPages() []page {
	return []page{
		{pattern: "GET " + servicesPath + "{service}/{row}", serve: showRow},
	}
}

// rowPath returns the path of a row's page.
func rowPath(service, row string) string {
	return servicesPath + url.PathEscape(service) + "/" + url.PathEscape(row)
}

// A rowPage is what the page of a row shows.
type rowPage struct {
	shownRow

	Host *hosted
}

// row returns the row that the path names, if the user may run it.
func (v *visit) row() (*rowPage, error) {
	s := v.catalog.find(v.r.PathValue("service"))
	if s == nil {
		return nil, errNotFound
	}
	row := s.row(v.r.PathValue("row"))
	if row == nil {
		return nil, errNotFound
	}
	if missing := v.user.Missing(row.Allow); missing != "" {
		return nil, forbidden(missing)
	}
	return &rowPage{shownRow{row, s.Service, rowPath(s.Service, row.Name), ""}, s}, nil
}

func showRow(v *visit) error {
	row, err := v.row()
	if err != nil {
		return err
	}
	return v.render(http.StatusOK, "row.html", row.Heading(), row)
}
