package secret_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/gomeko/gomeko/internal/secret"
)

func TestKey(t *testing.T) {
	for _, key := range []string{
		"password", "PASSWORD", "db_password", "dbpassword", "dbPassword", "passwords", "passwd", "pwd", "pass", "DB_PASS", "smtp-pass",
		"token", "tokens", "accessToken", "access_tokens", "authorization", "Authorization", "auth", "cookie", "Cookies", "set-cookie",
		"dsn", "SENTRY_DSN", "databaseDSN", "api_key", "apiKey", "APIKey", "API_KEYS", "apikey", "secret", "jwt_secret", "JWTSecret", "jwtSecret",
		"private_key", "privateKey", "signing-key", "encryption_key", "aws_secret_access_key", "secretAccessKey", "credentials", "creds",
		"connection_string", "secret_key_base", "session_id", "jwt", "bearer", "webhook.secret", "x-api-key",
	} {
		if !secret.Key(key) {
			t.Errorf("%s: got false, want true", key)
		}
	}
	for _, key := range []string{
		"", "user", "reset_password_url", "password_file", "token_url", "bypass", "compass", "key", "keys", "tls_key", "tls_cert", "primary_key",
		"routing_key", "author", "design", "monkey", "authorization_endpoint", "id", "order_id", "passenger", "max_tokens_per_minute", "connection",
	} {
		if secret.Key(key) {
			t.Errorf("%s: got true, want false", key)
		}
	}
}

func TestMask(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("ana:hunter2"))
	pem := "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\n"
	for text, want := range map[string]string{
		"amqp://ana:hunter2@h/":                           "amqp://ana:**@h/",
		"dial amqp://ana:hunter2@h1;amqp://b:hunter2@h2/": "dial amqp://ana:**@h1;amqp://b:**@h2/",
		"redis://:hunter2@h":                              "redis://:**@h",
		"ana:hunter2@tcp(h:3306)/db":                      "ana:**@tcp(h:3306)/db",
		"host=h password=hunter2 user=ana":                "host=h password=** user=ana",
		"host=h pass='hunter2 x' sslmode=off":             "host=h pass=** sslmode=off",
		"Server=h;Pwd=hunter2;":                           "Server=h;Pwd=**;",
		"https://h/?access_token=hunter2&b=c":             "https://h/?access_token=**&b=c",
		"https://h/?X-Amz-Signature=hunter2&b=c":          "https://h/?X-Amz-Signature=**&b=c",
		"https://hunter2hunter2hunter2@sentry.example/1":  "https://**@sentry.example/1",
		pem:               "-----BEGIN RSA PRIVATE KEY-----**-----END RSA PRIVATE KEY-----\n",
		"x: " + pem + pem: "x: -----BEGIN RSA PRIVATE KEY-----**-----END RSA PRIVATE KEY-----\n-----BEGIN RSA PRIVATE KEY-----**-----END RSA PRIVATE KEY-----\n",
		"-----BEGIN EC PRIVATE KEY-----\nhunter2": "-----BEGIN EC PRIVATE KEY-----**",
		"Bearer hunter":                                          "Bearer **",
		"sent Bearer hunter2.x-y":                                "sent Bearer **",
		"Basic " + basic:                                         "Basic **",
		"got basic " + basic + " now":                            "got basic ** now",
		"token hunter2hunter2hunter2":                            "token **",
		"Authorization: Foo hunter2":                             "Authorization: **",
		"Cookie: sid=hunter2; b=hunter2":                         "Cookie: **",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2":           "**",
		"jwt=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2 ended": "jwt=** ended",
		"key AKIAIOSFODNN7EXAMPLE":                               "key **",
		"ghp_hunter2hunter2hunter2hunter2":                       "**",
		"xoxb-hunter2-hunter2":                                   "**",
		`{"user":"ana","password":"hun\"ter2","n":1}`:            `{"user":"ana","password":"**","n":1}`,
		`{'api_key': 'hunter2'}`:                                 `{'api_key': "**"}`,

		"as in amqp://user:password@localhost:5672/": "as in amqp://user:password@localhost:5672/",
		"must be http://USER:PASSWORD@HOST:PORT":     "must be http://USER:PASSWORD@HOST:PORT",
		"the bearer of news":                         "the bearer of news",
		"Basic authentication is required":           "Basic authentication is required",
		"use bearer authentication":                  "use bearer authentication",
		"invalid token at line 3":                    "invalid token at line 3",
		"http://h/path?a=b@c":                        "http://h/path?a=b@c",
		"mail to ana@example.org: no":                "mail to ana@example.org: no",
		"must be host:port, not x":                   "must be host:port, not x",
		"service users: Password: no such":           "service users: Password: no such",
		"-----":                                      "-----",
		"eyJ.x":                                      "eyJ.x",
	} {
		got := secret.Mask(text)
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%q: the secret is shown: %q", text, got)
		}
		if again := secret.Mask(got); again != got {
			t.Errorf("%q: masked twice: %q, want %q", text, again, got)
		}
	}
}
