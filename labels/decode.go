package labels

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Decoder turns containers into services with jobs. It holds no state between calls.
type Decoder struct {
	cfg    Config
	keys   []Key
	prefix string // "simpledeploy.backup."
	zone   *time.Location
}

// NewDecoder checks the environment's defaults as strictly as labels, and returns everything that is wrong with them.
func NewDecoder(cfg Config) (*Decoder, error) {
	if cfg.Prefix == "" {
		cfg.Prefix = "simpledeploy"
	}
	cfg.Prefix = strings.ToLower(cfg.Prefix)
	d := &Decoder{cfg: cfg, keys: Keys(), prefix: cfg.Prefix + ".backup."}
	var errs []error
	zone, err := parseZone(cfg.Timezone)
	if err != nil {
		errs = append(errs, fmt.Errorf("TZ: %w", err))
		zone = time.UTC // so that everything else is still checked
	}
	d.zone = zone
	for _, name := range slices.Sorted(maps.Keys(cfg.Defaults)) {
		if err := d.checkDefault(name, strings.TrimSpace(cfg.Defaults[name])); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", envName(name), err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return d, nil
}

func (d *Decoder) checkDefault(name, value string) error {
	key, ok := findKey(d.keys, name)
	switch {
	case !ok:
		return hint("there is no such key", didYouMean(name, keyNames(d.keys)))
	case !key.Env:
		return errors.New("this key has no default: it is different for every job")
	case holdsSecret(value):
		return hint("it holds a secret", "a default is shown to everybody")
	}
	scratch := d.newDraft(map[string]*time.Location{})
	if err := key.check(scratch, value); err != nil {
		return err
	}
	if name == "schedule" {
		_, err := parseScheduleIn(value, d.zone, d.cfg.MinInterval)
		return err
	}
	return nil
}

// errLater is a key or a value whose part of the program is not there yet. It is never accepted without effect.
var errLater = errors.New("not available in this version")

// check puts a value into the job unless it, or the key itself, comes with a later version.
func (k Key) check(d *draft, value string) error {
	switch {
	case !k.Available || slices.Contains(k.later, strings.ToLower(value)):
		return errLater
	case value == "":
		return hint("the value is empty", "take the label out for the default")
	}
	return k.set(d, value)
}

func (d *Decoder) newDraft(zones map[string]*time.Location) *draft {
	return &draft{cfg: &d.cfg, zone: d.zone, zones: zones}
}

// Decode turns all containers of an engine into services, sorted by identity, one for each identity. Helpers of this
// program are none.
func (d *Decoder) Decode(all []Container) []Service {
	groups := map[Identity][]Container{}
	for _, c := range all {
		if id, _, oneoff := IdentityOf(c.Name, c.Labels); !oneoff && !isHelper(c) {
			groups[id] = append(groups[id], c)
		}
	}
	ids := slices.SortedFunc(maps.Keys(groups), func(a, b Identity) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Service, b.Service))
	})
	shared := shared{databases: d.databaseMounts(all), zones: map[string]*time.Location{}}
	services := make([]Service, 0, len(ids))
	for _, id := range ids {
		services = append(services, d.decodeService(id, groups[id], shared))
	}
	d.checkGroups(services)
	return services
}

func (d *Decoder) decodeService(id Identity, replicas []Container, shared shared) Service {
	slices.SortFunc(replicas, byReplica)
	c := replicas[0]
	svc := Service{Identity: id, Container: c, Replicas: replicas}
	engine, known := d.detect(c.Image)
	appliance := isAppliance(c)
	if appliance {
		engine, known = Strategy{}, false
	} else {
		svc.Detected = engine.Name
		svc.Stateful = known || len(stateMounts(c)) > 0
		svc.Suggested = suggest(c, engine)
	}

	set := d.parse(c.Labels)
	if !set.any() {
		if !d.cfg.Auto || len(d.candidates(c.Image)) == 0 || appliance {
			return svc
		}
	} else if e, ok := set.plain["enable"]; ok && strings.EqualFold(e.value, "false") {
		svc.OptedOut = true // always wins, whatever else is said
		return svc
	}
	w := work{d: d, c: c, id: id, engine: engine, known: known, set: set, shared: shared, used: map[string]bool{}}
	if appliance {
		w.own()
	}
	w.conflict(replicas)
	w.jobs()
	w.finish(&svc)
	return svc
}

// byReplica puts the lowest number first. While Compose re-creates a container, the old one keeps the number and gets
// a longer name.
func byReplica(a, b Container) int {
	_, na, _ := IdentityOf(a.Name, a.Labels)
	_, nb, _ := IdentityOf(b.Name, b.Labels)
	return cmp.Or(cmp.Compare(na, nb), cmp.Compare(len(a.Name), len(b.Name)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}
