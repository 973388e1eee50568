package labels

import (
	"fmt"
	"strings"
	"testing"
)

func TestDecode_SecretIsRefusedAndNeverShown(t *testing.T) {
	const secret = "hunter2correcthorse"
	for _, c := range []struct{ key, value string }{
		{"password", secret},
		{"pasword", secret},
		{"db-password", secret},
		{"nightly.password", secret},
		{"nightly.token", secret},
		{"s3_secret_key", secret},
		{"api-key", secret},
		{"target", "s3://user:" + secret + "@host/bucket"},
		{"user", "postgres://shop:" + secret + "@db/shop"},
		{"nonsense", "https://:" + secret + "@example.com"},
		{"pre", "PGPASSWORD=" + secret + " psql -c checkpoint"},
		{"pre", "mysql --password=" + secret},
		{"pre", "mysql --password=${PASSWORD:-" + secret + "}"},
		{"pre", `curl -d '{"token": "` + secret + `"}'`},
		{"exclude", "AGE-SECRET-KEY-" + secret},
		{"strategy", "postgres://shop:" + secret + "@db/shop"},
		{"schedule", "password=" + secret},
		{"enable", "token=" + secret},
		{"password-env", secret + "!"},
		{"password-file", secret},
	} {
		t.Run(c.key, func(t *testing.T) {
			svc := one(t, decoder(t), compose("db", "postgres:17", c.key, c.value))
			p := only(t, svc)
			if strings.Contains(fmt.Sprintf("%+v", p), secret) || p.Value != "" {
				t.Errorf("the secret is shown: %+v", p)
			}
			if p.Suggestion == "" {
				t.Errorf("no remedy: %+v", p)
			}
		})
	}
}

func TestDecode_ReferenceToASecretIsNone(t *testing.T) {
	for _, value := range []string{
		`PGPASSWORD="$POSTGRES_PASSWORD" psql`, "mysql --password=$MYSQL_PASSWORD", "--password-file=/run/secrets/db",
		`[ -n "${TOKEN:-}" ] && export INFLUX_TOKEN="$TOKEN"`, "${PASSWORD:?is missing}", "PW=${DB_PASSWORD:-$OTHER}", "password=${PASSWORD}",
		"https://example.com/path?x=1", "http://user@host", "s3:bucket", "key=value",
	} {
		if holdsSecret(value) {
			t.Errorf("%q is taken for a secret", value)
		}
	}
	for _, key := range []string{"schedule", "paths", "tokens-x", "compass", "bypass"} {
		if want := key == "tokens-x"; namesSecret(key) != want {
			t.Errorf("%s: %t", key, !want)
		}
	}
}

func TestDecode_LongAndOddValuesAreShownOnOneLine(t *testing.T) {
	p := only(t, one(t, decoder(t), compose("db", "postgres:17", "schedule", "a\nb\x1b[31m"+strings.Repeat("ü", 500))))
	if len(p.Value) > 210 || strings.ContainsAny(p.Value, "\n\x1b") {
		t.Errorf("value is %q", p.Value)
	}
}
