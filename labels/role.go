package labels

import "strings"

// roleLabel marks this program's own containers: the appliance by a label of its image, helpers by one of their own.
const (
	roleLabel     = "com.simpledeploy.backup.role"
	roleAppliance = "appliance"
	roleHelper    = "helper"
)

func isHelper(c Container) bool { return c.Labels[roleLabel] == roleHelper }

// isAppliance goes by the label, and in a Compose file, where nobody sees the labels of images, by the image's name.
// What the appliance keeps is a record of backups and the backups themselves: to back that up like a service would
// copy every backup into the next one.
func isAppliance(c Container) bool {
	if role := c.Labels[roleLabel]; role != "" {
		return role == roleAppliance
	}
	name := repository(c.Image)
	return fits("simpledeploy-backup", name) || strings.HasSuffix("/"+name, "/simpledeploy/backup")
}

// own refuses labels on the appliance itself. Passing over them in silence would leave somebody waiting for a backup.
func (w *work) own() {
	w.found = append(w.found, finding{inherited: true, Problem: Problem{
		Label:      w.d.prefix + "enable",
		Why:        "the container is the appliance itself, and a backup of it would hold all the others",
		Suggestion: "take the labels out of the appliance's container; they belong on the services to be backed up",
	}})
}
