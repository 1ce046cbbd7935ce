// What Argo CD makes of objects and of its own manifests, by its own packages.
//
//	argocd health ARGOCD_CM < OBJECTS    the health of each object of a JSON list, as a JSON list of {status, message}
//	argocd check FILE...                 whether these hold Applications that Argo CD can read, without unknown fields
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/argoproj/argo-cd/v2/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v2/util/lua"
	engine "github.com/argoproj/gitops-engine/pkg/health"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const healthKey = "resource.customizations.health."

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "argocd:", err)
		os.Exit(1)
	}
}

// overridesOf reads the keys of argocd-cm as Argo CD's settings do: a group and a kind with an underscore between them. The standard
// libraries of Lua stay closed, as they are unless an administrator opens them.
func overridesOf(path string) lua.ResourceHealthOverrides {
	text, err := os.ReadFile(path)
	fail(err)
	var config struct {
		Data map[string]string `json:"data"`
	}
	fail(yaml.Unmarshal(text, &config))
	overrides := lua.ResourceHealthOverrides{}
	for key, script := range config.Data {
		group, kind, found := strings.Cut(strings.TrimPrefix(key, healthKey), "_")
		if !strings.HasPrefix(key, healthKey) || !found {
			fail(fmt.Errorf("%s: the key %q is none of a health script", path, key))
		}
		overrides[group+"/"+kind] = v1alpha1.ResourceOverride{HealthLua: script}
	}
	return overrides
}

// healthOf gives a script several tries: Argo CD ends it after a second, which a machine that compiles beside may need for anything.
func healthOf(overrides lua.ResourceHealthOverrides, object *unstructured.Unstructured) (*engine.HealthStatus, error) {
	status, err := overrides.GetResourceHealth(object)
	for try := 1; err != nil && strings.Contains(err.Error(), context.DeadlineExceeded.Error()) && try < 10; try++ {
		status, err = overrides.GetResourceHealth(object)
	}
	return status, err
}

func health(path string) {
	overrides := overridesOf(path)
	var objects []json.RawMessage
	fail(json.NewDecoder(os.Stdin).Decode(&objects))
	answers := []any{}
	for _, text := range objects {
		object := unstructured.Unstructured{}
		fail(object.UnmarshalJSON(text))
		status, err := healthOf(overrides, &object)
		switch {
		case err != nil:
			answers = append(answers, map[string]string{"status": "Error", "message": err.Error()})
		case status == nil:
			answers = append(answers, map[string]string{"status": "NoScript"})
		default:
			answers = append(answers, status)
		}
	}
	fail(json.NewEncoder(os.Stdout).Encode(answers))
}

func check(paths []string) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		fail(err)
		var application v1alpha1.Application
		if err := yaml.UnmarshalStrict(text, &application); err != nil {
			fail(fmt.Errorf("%s: %w", path, err))
		}
		if application.Kind != "Application" || application.APIVersion != "argoproj.io/v1alpha1" {
			fail(fmt.Errorf("%s: %s %s, expected an Application", path, application.APIVersion, application.Kind))
		}
	}
}

func main() {
	if len(os.Args) < 3 {
		fail(fmt.Errorf("usage: argocd health ARGOCD_CM | argocd check FILE..."))
	}
	switch os.Args[1] {
	case "health":
		health(os.Args[2])
	case "check":
		check(os.Args[2:])
	default:
		fail(fmt.Errorf("no such command: %s", os.Args[1]))
	}
}
