// Package helper is the program that runs in the helper container: it serves one call of package frame with the
// operations of package filetree, or those of package sqlitefile, and ends.
//
//	appliance ⇄ socket or stdin and stdout ⇄ helper ⇄ the container's mounts at /src/0, /src/1, …
//
// It reads, writes and frames raw bytes only. Compression, proof and hash stay in the appliance; of a SQLite database
// the helper also checks and counts, as only it has the file.
package helper
