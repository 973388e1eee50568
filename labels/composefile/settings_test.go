package composefile

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettings_AreThoseOfTheApplianceThatLabelsAreJudgedBy(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "compose.yaml", `name: shop
services:
  db: {image: postgres, environment: {POSTGRES_PASSWORD: hunter2, TZ: Asia/Tokyo}}
  backup:
    image: simpledeploy-backup
    environment:
      - SIMPLEDEPLOY_TARGET_OFFSITE=b2:bucket/${FOLDER:-backups}
      - SIMPLEDEPLOY_TARGET_VAULT_FILE=/run/secrets/vault
      - SIMPLEDEPLOY_TARGET_PASSED
      - SIMPLEDEPLOY_DEFAULT_TARGET=local,offsite
      - SIMPLEDEPLOY_TOKEN=hunter2
      - TZ=Europe/Berlin
`)
	got, err := Settings(t.Context(), []string{filepath.Join(dir, "compose.yaml")}, []string{"SIMPLEDEPLOY_TARGET_PASSED=s3:x"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"SIMPLEDEPLOY_TARGET_OFFSITE": "b2:bucket/backups", "SIMPLEDEPLOY_TARGET_VAULT": "file", "SIMPLEDEPLOY_TARGET_PASSED": "s3:x",
		"SIMPLEDEPLOY_DEFAULT_TARGET": "local,offsite", "TZ": "Europe/Berlin",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
