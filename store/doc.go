// Package store is the record: which services and jobs exist, what every run did, where its artifacts are, and what was
// stopped and has to come back. It is one SQLite file on the data volume.
//
// Promises. A method that returned nil is on the disk: a kill or a power cut afterwards loses nothing of it. One process
// owns the file; a second one is refused with the first one's name. Files are readable by their owner only. A file whose
// schema is too new is refused, a file that is older is upgraded after a snapshot of it was kept beside it. Every query
// that a status page asks is answered from an index, with a million runs in the file.
//
// It does not decide anything: what to run, keep or remove is the runner's business. No SQL stands outside this package.
//
// Times are kept as integer milliseconds in UTC, the zero time as NULL; what is read back is cut to the millisecond.
package store
