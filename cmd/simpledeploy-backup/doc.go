// Command simpledeploy-backup backs up labelled containers, proves what it stored, and restores it with one command.
//
// This package is the only one that sees all the others. It reads the environment (config.go), wires the parts
// (wire.go), and has one file per command. Commands that look at or change a running appliance speak to it through
// its control socket; only serve opens the record.
package main
