package strategy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/simpledeploy/backup/internal/enginetest"
	"github.com/simpledeploy/backup/internal/enginetest/port"
	"github.com/simpledeploy/backup/runner/strategy"
)

var composeBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// recipe is the service in the n-th Compose file of a page, as Compose reads it.
func recipe(t *testing.T, page string, n int) types.ServiceConfig {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs/recipes", page))
	if err != nil {
		t.Fatal(err)
	}
	blocks := composeBlock.FindAllSubmatch(text, -1)
	if len(blocks) <= n {
		t.Fatalf("%s has no Compose file %d", page, n)
	}
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir: t.TempDir(), ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: blocks[n][1]}},
	}, func(o *loader.Options) { o.SetProjectName("recipe", true) })
	if err != nil {
		t.Fatal(err)
	}
	for _, service := range project.Services {
		return service
	}
	t.Fatalf("%s has no service", page)
	return types.ServiceConfig{}
}

// startRecipe starts the service of a page as it stands there, but for the image.
func startRecipe(t *testing.T, page string, n int, engine string, prepare func(volume string)) (*enginetest.Container, strategy.Options) {
	t.Helper()
	service := recipe(t, page, n)
	command := []string(service.Command)
	if len(command) == 0 {
		command = []string{"influxd"} // the only one that leaves it to its image
	}
	volume := enginetest.Volume(t)
	if prepare != nil {
		prepare(volume)
	}
	c := enginetest.Run(t, enginetest.RunOptions{
		Image: enginetest.RecipeImage(t, engine), Cmd: command, Volumes: []string{volume + ":" + service.Volumes[0].Target},
	})
	return c, strategy.Options{
		DumpCommand: service.Labels["simpledeploy.backup.dump-command"], RestoreCommand: service.Labels["simpledeploy.backup.restore-command"],
		Extension: service.Labels["simpledeploy.backup.extension"],
	}
}

// waitFor runs a command in the container until it works.
func waitFor(t *testing.T, c *enginetest.Container, command string) {
	t.Helper()
	c.Exec(t, "sh", "-c", `i=0; until eval "$0" >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 600 ] || { eval "$0"; exit 1; }; sleep 0.1; done`, command)
}

// recipeKeepsState dumps, damages, restores, and sees the old state after the restart that the page asks for.
func recipeKeepsState(t *testing.T, c *enginetest.Container, opt strategy.Options, ready, state, damage string) {
	t.Helper()
	p, entry := port.New(t, c), execEntry(t)
	waitFor(t, c, ready)
	before := c.Exec(t, "sh", "-c", state)
	var dump bytes.Buffer
	report, err := entry.Strategy.Dump(t.Context(), p, opt, &dump)
	if err != nil || len(report.Warnings) > 0 {
		t.Fatalf("dump: %v, warnings %q", err, report.Warnings)
	}
	prover := entry.NewProver(opt.Extension)
	_, _ = prover.Write(dump.Bytes())
	if proof, err := prover.Proof(); err != nil {
		t.Fatalf("proof %+v, error %v", proof, err)
	}
	if left := c.Exec(t, "sh", "-c", "ls -d /data/backup.* /ldap/backup.* 2>/dev/null; true"); left != "" {
		t.Errorf("the dump left %s", left)
	}
	c.Exec(t, "sh", "-c", damage)
	if damaged := c.Exec(t, "sh", "-c", state); damaged == before {
		t.Fatal("the damage changed nothing")
	}
	if _, err := entry.Strategy.Restore(t.Context(), p, opt, bytes.NewReader(dump.Bytes()[:700])); err == nil {
		t.Error("the begin of a backup is restored as if it were whole")
	}
	enginetest.Docker(t, "restart", c.Name)
	waitFor(t, c, ready)
	if damaged := c.Exec(t, "sh", "-c", state); damaged == before {
		t.Error("a restore that failed changed the state")
	}
	if _, err := entry.Strategy.Restore(t.Context(), p, opt, bytes.NewReader(dump.Bytes())); err != nil {
		t.Fatal(err)
	}
	enginetest.Docker(t, "restart", c.Name)
	waitFor(t, c, ready)
	if after := c.Exec(t, "sh", "-c", state); after != before {
		t.Errorf("restored:\n%s\nwant:\n%s", after, before)
	}
}

func TestRecipe_Etcd(t *testing.T) {
	c, opt := startRecipe(t, "etcd.md", 0, "etcd", nil)
	waitFor(t, c, "etcdctl endpoint health")
	c.Exec(t, "sh", "-c", `for n in $(seq 200); do etcdctl put "/shop/$n" "value $n"; done; printf 'a\000b' | etcdctl put binary`)
	recipeKeepsState(t, c, opt, "etcdctl endpoint health", "etcdctl get --prefix '' | sha256sum; etcdctl get --prefix /shop/ --keys-only | wc -l", "etcdctl del --prefix /shop/1; etcdctl put new one")
}

const ldapConfig = `dn: cn=config
objectClass: olcGlobal
cn: config

dn: cn=module{0},cn=config
objectClass: olcModuleList
cn: module{0}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file:///etc/ldap/schema/core.ldif

include: file:///etc/ldap/schema/cosine.ldif

include: file:///etc/ldap/schema/inetorgperson.ldif

dn: olcDatabase={0}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {0}config
olcRootPW: secret

dn: olcDatabase={1}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {1}mdb
olcSuffix: dc=example,dc=org
olcDbDirectory: /ldap/live/db
olcRootDN: cn=admin,dc=example,dc=org
olcRootPW: secret
`

const ldapData = `dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people
`

func TestRecipe_LDAP(t *testing.T) {
	image := enginetest.RecipeImage(t, "ldap")
	c, opt := startRecipe(t, "ldap.md", 0, "ldap", func(volume string) {
		dir := t.TempDir()
		for name, text := range map[string]string{"config.ldif": ldapConfig, "data.ldif": ldapData} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		enginetest.Shell(t, `tar -C "$DIR" -c . | docker run --rm -i --label simpledeploy.test=recipe -v "$VOLUME:/ldap" "$IMAGE" sh -c 'mkdir /ldap/restored && tar -C /ldap/restored -x'`,
			nil, "DIR="+dir, "VOLUME="+volume, "IMAGE="+image)
	})
	const bind = "-x -D cn=admin,dc=example,dc=org -w secret"
	ready := "ldapsearch " + bind + " -b dc=example,dc=org -s base"
	waitFor(t, c, ready)
	c.Exec(t, "sh", "-c", `for n in $(seq 100); do printf 'dn: cn=user %s,ou=people,dc=example,dc=org\nobjectClass: inetOrgPerson\ncn: user %s\nsn: %s\nuserPassword: pass %s\ndescription:: w6TDtsO8IPCfmIA=\n\n' $n $n $n $n; done | ldapadd `+bind)
	recipeKeepsState(t, c, opt, ready,
		"ldapsearch "+bind+" -LLL -o ldif-wrap=no -b dc=example,dc=org '*' entryUUID createTimestamp entryCSN userPassword | sort | sha256sum; slapcat -F /ldap/live/config -n 0 | grep -c ^dn:",
		"ldapdelete "+bind+" 'cn=user 7,ou=people,dc=example,dc=org'; printf 'dn: cn=user 8,ou=people,dc=example,dc=org\\nchangetype: modify\\nreplace: sn\\nsn: changed\\n' | ldapmodify "+bind)
}

func TestRecipe_InfluxDB1(t *testing.T) {
	c, opt := startRecipe(t, "influxdb.md", 1, "influxdb", nil)
	const ready = "influx -execute 'SHOW DATABASES'"
	waitFor(t, c, ready)
	c.Exec(t, "sh", "-c", `influx -execute 'CREATE DATABASE shop'; influx -execute 'CREATE DATABASE "other one"' ; for n in $(seq 50); do echo "sales,shop=a amount=$n,note=\"grüße\" $n"; done >/tmp/lines; { printf '# DML\n# CONTEXT-DATABASE: shop\n'; cat /tmp/lines; } >/tmp/import; influx -import -path=/tmp/import -precision=s`)
	recipeKeepsState(t, c, opt, ready, `influx -execute 'SHOW DATABASES'; influx -database shop -execute 'SELECT * FROM sales' -format csv`,
		`influx -database shop -execute 'DROP SERIES FROM sales'; influx -execute 'CREATE DATABASE newer'`)
}
