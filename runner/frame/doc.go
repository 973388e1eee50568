// Package frame is the protocol between the appliance and the helper container: both ends, no Docker, no files.
//
// The host calls one operation, the helper serves it, over one byte stream in each direction:
//
//	helper: hello
//	host:   request, data…, then end or abort
//	helper: data…, then trailer
//
// A frame is one byte for its kind, four bytes for its length (big endian), and its payload. The end of a stream
// alone proves nothing: input is whole only after its end frame, output only after a trailer that says so. A
// connection that breaks is an error on both sides, whatever has been read until then.
package frame
