// Package composefile reads Compose files as the containers that Compose would make of them, labels included, so that
// they can be checked before anything runs.
//
// Extends, includes, merge keys, label files, variables and profiles are resolved as Compose does; services of every
// profile are read. Nothing is started. Of the environments of services only
// the appliance's own settings are looked at.
//
//	files → composefile.Load → labels.Decode → the check command
package composefile
