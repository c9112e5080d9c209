package account

import "context"

// Secret returns a secret that all processes of a panel share. The first call stores the value that
// generate returns.
func (a *Accounts) Secret(ctx context.Context, name string, generate func() (string, error)) (value string, err error) {
	value, err = generate()
	if err != nil {
		return "", err
	}
	if _, err := a.db.ExecContext(ctx, `INSERT INTO gomeko_panel_secret (name, value, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		name, value, a.now().UnixMicro()); err != nil {
		return "", err
	}
	err = a.db.QueryRowContext(ctx, `SELECT value FROM gomeko_panel_secret WHERE name = $1`, name).Scan(&value)
	return value, err
}
