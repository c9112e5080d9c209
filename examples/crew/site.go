package crew

import (
	"fmt"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// newSite returns a web application written with chi. It does not know about the queue.
func newSite() http.Handler {
	r := chi.NewRouter()
	r.Get("/site/hello/{name}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "Hello, %s. You follow %s.\n", chi.URLParam(r, "name"), r.URL.Query().Get("follow"))
	})
	r.Post("/site/count", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		fmt.Fprintf(w, "%d bytes\n", n)
	})
	return r
}

// Site passes a request from the queue to the application.
func (w *Worker) Site(rw http.ResponseWriter, r *http.Request) { w.site.ServeHTTP(rw, r) }
