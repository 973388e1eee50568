// Package docker speaks with the container engine, and is the only one that does: it watches, executes, stops and
// brings back, and runs the helper container beside a service.
//
// It promises the truth: a command has succeeded only when its streams have ended and the engine has confirmed exit
// code 0, a helper only when its trailer has arrived, a stop only when the engine says that nothing runs any more.
// What it starts it ends, also when the caller gives up. It decides nothing: which container is backed up, and
// whether one may be stopped, is the runner's business.
//
// In the flow of data it is the first station (Watch) and the source of every stream (Exec, Help).
package docker
