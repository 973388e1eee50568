package enginetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// recipePackages are Debian's packages of the engines that have no strategy of their own but a recipe.
func recipePackages() map[string]string {
	return map[string]string{"etcd": "etcd-server etcd-client", "ldap": "slapd ldap-utils", "influxdb": "influxdb influxdb-client"}
}

// RecipeImage is a small Debian with one of those engines, and no entrypoint: the recipe has the command.
func RecipeImage(t testing.TB, engine string) string {
	t.Helper()
	Require(t)
	image, err := EnsureRecipe(t.Context(), engine)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// EnsureRecipe is RecipeImage outside tests.
func EnsureRecipe(ctx context.Context, engine string) (string, error) {
	packages, ok := recipePackages()[engine]
	if !ok {
		return "", fmt.Errorf("make image of %s: there are recipes with a server for %s only", engine, strings.Join(sortedKeys(recipePackages()), ", "))
	}
	base, err := EnsureBase(ctx, "bookworm")
	if err != nil {
		return "", err
	}
	// No service is started while its package is unpacked.
	file := `ARG BASE
FROM $BASE
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
 && apt-get -o Acquire::Languages=none update -q \
 && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends ` + packages + ` \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
`
	return built(ctx, "simpledeploy-test-"+engine+":bookworm", base, map[string]string{"Dockerfile": file})
}

// Recipes are the engines that RecipeImage knows.
func Recipes() []string { return sortedKeys(recipePackages()) }
