// Command helperbin is the helper program alone, for the image that tests use as the helper.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/simpledeploy/backup/runner/helper"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "helper" { // as the real program is called
		args = args[1:]
	}
	if err := helper.Run(context.Background(), args, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}
