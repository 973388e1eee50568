// Package enginetest starts real servers in containers for tests, and removes all that it started.
//
// It drives Docker Engine through the docker command line, so that a test never proves our own client with our own
// client. Where a registry answers, the official images are used; where none does, images are built from Debian's
// packages with an entrypoint that honours the official images' variables, so that the same tests run in both worlds.
// Everything it starts carries the label simpledeploy.test, and nothing else is ever touched.
package enginetest
