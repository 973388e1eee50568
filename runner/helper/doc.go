// Package helper is the program that runs in the helper container: it serves one call of package frame with the
// operations of package filetree, and ends.
//
//	appliance ⇄ socket or stdin and stdout ⇄ helper ⇄ the container's mounts at /src/0, /src/1, …
//
// It reads, writes and frames raw bytes only. Compression, proof and hash stay in the appliance.
package helper
