package panel

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed templates/*.html
var ownTemplates embed.FS

//go:embed assets
var assets embed.FS

// layout is the template that encloses all pages.
const layout = "layout.html"

// templates maps the file names of pages to their templates, each with the layout.
type templates map[string]*template.Template

// parse reads the templates of this package. Templates in other with the same name replace them.
func parse(other fs.FS) (templates, error) {
	files, err := fs.Glob(ownTemplates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for _, file := range files {
		text, err := fs.ReadFile(ownTemplates, file)
		if err != nil {
			return nil, err
		}
		texts[path.Base(file)] = string(text)
	}
	if other != nil {
		names, err := fs.Glob(other, "*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if _, ok := texts[name]; !ok {
				return nil, fmt.Errorf("panel.Config: Templates: the panel has no template %s to replace", name)
			}
			text, err := fs.ReadFile(other, name)
			if err != nil {
				return nil, fmt.Errorf("panel.Config: Templates: %w", err)
			}
			texts[name] = string(text)
		}
	}
	base, err := template.New(layout).Funcs(functions).Parse(texts[layout])
	if err != nil {
		return nil, fmt.Errorf("panel.Config: Templates: %w", err)
	}
	all := templates{}
	for name, text := range texts {
		if name == layout {
			continue
		}
		if all[name], err = base.Clone(); err == nil {
			_, err = all[name].New(name).Parse(text)
		}
		if err != nil {
			return nil, fmt.Errorf("panel.Config: Templates: %w", err)
		}
	}
	return all, nil
}

// execute returns the text of a page.
func (t templates) execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t[name].ExecuteTemplate(&b, layout, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// part returns the text of a part of a page, which is a template that the page's file defines.
func (t templates) part(name, part string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t[name].ExecuteTemplate(&b, part, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// functions are the functions of the templates.
var functions = template.FuncMap{
	"asset":   func(name string) (string, error) { return assetURL(name) },
	"ago":     func(t time.Time) string { return ago(time.Since(t)) },
	"stamp":   func(t time.Time) string { return t.Format("2006-01-02 15:04:05 MST") },
	"history": historyOf,
	"iso":     func(t time.Time) string { return t.Format(time.RFC3339) },
}

// ago returns a duration for users, such as 5 minutes ago.
func ago(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit + " ago"
		}
		return fmt.Sprintf("%d %ss ago", n, unit)
	}
	switch {
	case d < 5*time.Second:
		return "just now"
	case d < time.Minute:
		return count(int(d.Seconds()), "second")
	case d < time.Hour:
		return count(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return count(int(d.Hours()), "hour")
	}
	return count(int(d.Hours()/24), "day")
}

// assetsPath is the path of the assets. The path of each contains a hash of its content, so
// browsers may cache it.
const assetsPath = "/assets/"

// assetURL returns the path of an asset.
func assetURL(name string) (string, error) {
	text, err := assets.ReadFile("assets/" + name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return assetsPath + hex.EncodeToString(sum[:8]) + "/" + name, nil
}

// serveAsset answers with an asset.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := path.Base(r.URL.Path)
	if want, err := assetURL(name); err != nil || r.URL.Path != want {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, assets, "assets/"+name)
}
