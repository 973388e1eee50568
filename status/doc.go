// Package status shows what the appliance does and takes orders for it, over HTTP.
//
// It stands at the end of the data flow: the runner writes the record, status reads it. One set of views feeds the
// JSON under /api, the page at / and the tables of the command line. The same handler serves two doors: TCP, which
// is read-only without a token, and the control socket, which only the appliance's own user can open and which needs
// none. Client speaks to that socket.
//
// It promises that no secret is ever in an answer, that nothing is changed from another web site's page, and that
// the cost of a view grows with the number of jobs and never with the length of the history. It does not decide
// anything about backups: that is the runner's.
package status
