// Package backends compiles every storage that rclone knows into the program: nobody is told that their provider is
// missing. Only the program itself imports it, as it takes minutes to build; tests import the few that they need, and
// are built with the tag lean, which leaves this package empty.
package backends
