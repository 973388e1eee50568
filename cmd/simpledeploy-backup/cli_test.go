package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"simpledeploy-backup": main})
}

// TestScript runs whole command lines in processes of their own, against files and against no server at all.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"backup": storeBackup,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("SIMPLEDEPLOY_DATA_DIR", env.WorkDir+"/data")
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
}
