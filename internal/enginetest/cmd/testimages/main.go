// Command testimages makes the images of the engines that its arguments name (base, postgres, mysql, redis, sqlite,
// recipes), or all that the tests need, and prints their names. Where no registry answers, the images of our own making also get the
// official names, so that compose files work as they are.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/simpledeploy/backup/internal/enginetest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	images, err := enginetest.Prepare(ctx, os.Args[1:]...)
	for _, image := range images {
		fmt.Println(image)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testimages:", err)
		os.Exit(1)
	}
}
