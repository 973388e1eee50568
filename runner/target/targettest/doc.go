// Package targettest holds the contract that every storage must keep, real servers to try it on, and faults: streams
// that break, networks that are cut.
package targettest
