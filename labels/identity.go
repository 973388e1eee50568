package labels

import (
	"strconv"
	"strings"
)

const (
	composeProject    = "com.docker.compose.project"
	composeService    = "com.docker.compose.service"
	composeNumber     = "com.docker.compose.container-number"
	composeOneoff     = "com.docker.compose.oneoff"
	composeWorkingDir = "com.docker.compose.project.working_dir"

	swarmServiceName = "com.docker.swarm.service.name"
	swarmTaskID      = "com.docker.swarm.task.id"
	swarmTaskName    = "com.docker.swarm.task.name"
	swarmStack       = "com.docker.stack.namespace"

	outside = "_" // project of containers that belong to none; no Compose project can be called so
)

// IdentityOf says which service a container is an instance of, which replica, and whether it is a one-off that
// somebody ran beside the service.
//
// Compose bakes its project and service labels into the images it builds, and an image's labels become those of any
// container made from it. Only a container that also has a number and a oneoff label was made by Compose.
func IdentityOf(name string, labels map[string]string) (id Identity, number int, oneoff bool) {
	name = strings.TrimPrefix(name, "/")
	if id, number, ok := swarmIdentity(labels); ok {
		return id, number, false
	}
	if id, number, oneoff, ok := composeIdentity(labels); ok {
		return id, number, oneoff
	}
	return Identity{Project: outside, Service: name}, 1, false
}

func composeIdentity(labels map[string]string) (id Identity, number int, oneoff, ok bool) {
	id = Identity{Project: labels[composeProject], Service: labels[composeService]}
	number, err := strconv.Atoi(labels[composeNumber])
	if id.Project == "" || id.Service == "" || err != nil || number < 1 {
		return Identity{}, 0, false, false
	}
	switch strings.ToLower(labels[composeOneoff]) {
	case "false":
		return id, number, false, true
	case "true":
		return id, number, true, true
	}
	return Identity{}, 0, false, false
}

// swarmIdentity is the stack and the service; a task's name is "stack_service.3.id", or ends in ".node.id" for a
// service that runs on every node.
func swarmIdentity(labels map[string]string) (id Identity, number int, ok bool) {
	service := labels[swarmServiceName]
	if service == "" || labels[swarmTaskID] == "" {
		return Identity{}, 0, false
	}
	id = Identity{Project: outside, Service: service}
	if stack := labels[swarmStack]; stack != "" {
		id = Identity{Project: stack, Service: strings.TrimPrefix(service, stack+"_")}
	}
	number = 1
	rest := strings.TrimPrefix(labels[swarmTaskName], service+".")
	if slot, _, found := strings.Cut(rest, "."); found {
		if n, err := strconv.Atoi(slot); err == nil && n > 0 {
			number = n
		}
	}
	return id, number, true
}

func inSwarm(c Container) bool {
	_, _, ok := swarmIdentity(c.Labels)
	return ok
}

// origin tells two projects apart that have the same name: the folder they were started from.
func origin(c Container) string {
	if inSwarm(c) {
		return "a Swarm stack"
	}
	return c.Labels[composeWorkingDir]
}
