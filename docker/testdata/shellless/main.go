// Command shellless is all that a container without a shell has.
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "print" {
		fmt.Println("a dump")
		return
	}
	time.Sleep(time.Hour)
}
