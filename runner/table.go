package runner

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// printLines prints one JSON object per line.
func printLines[T any](out io.Writer, all []T) error {
	lines := json.NewEncoder(out)
	for _, v := range all {
		if err := lines.Encode(v); err != nil {
			return err
		}
	}
	return nil
}

// isTerminal reports whether out is a terminal.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// number formats a rate with two digits, or with all digits before the point.
func number(n float64) string {
	if n == 0 || n >= 100 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 2, 64)
}

// short formats a duration with two digits, such as 1.3ms, and 0 as "".
func short(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	unit := time.Duration(1)
	for unit*100 <= d {
		unit *= 10
	}
	return d.Round(unit).String()
}

// long formats a longer duration by its two largest units, such as 3d4h.
func long(d time.Duration) string {
	d = max(d, 0).Round(time.Second)
	days, hours, minutes, seconds := d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}
