// What kstatus and Flux make of objects, and Flux of its own manifests, by their own packages.
//
//	flux health HEALTH_CHECKS < OBJECTS    of each object of a JSON list, as a JSON list of {kstatus, flux}: what kstatus says of it, and
//	                                       Flux by the expressions of the file
//	flux check FILE...                     whether these hold objects that Flux can read, without unknown fields
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	kustomizev1 "github.com/fluxcd/kustomize-controller/api/v1"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "flux:", err)
		os.Exit(1)
	}
}

func evaluatorsOf(path string) map[schema.GroupVersionKind]*cel.StatusEvaluator {
	text, err := os.ReadFile(path)
	fail(err)
	var file struct {
		HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
	}
	fail(yaml.UnmarshalStrict(text, &file))
	evaluators := map[schema.GroupVersionKind]*cel.StatusEvaluator{}
	for _, check := range file.HealthCheckExprs {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		fail(err)
		evaluators[schema.FromAPIVersionAndKind(check.APIVersion, check.Kind)] = evaluator
	}
	return evaluators
}

func kstatus(object *unstructured.Unstructured) string {
	result, err := status.Compute(object)
	if err != nil {
		return "Error: " + err.Error()
	}
	return result.Status.String()
}

func flux(evaluator *cel.StatusEvaluator, object *unstructured.Unstructured) string {
	if evaluator == nil {
		return "NoExpression"
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return "Error: " + err.Error()
	}
	return result.Status.String()
}

func health(path string) {
	evaluators := evaluatorsOf(path)
	var objects []json.RawMessage
	fail(json.NewDecoder(os.Stdin).Decode(&objects))
	answers := []map[string]string{}
	for _, text := range objects {
		object := unstructured.Unstructured{}
		fail(object.UnmarshalJSON(text))
		answers = append(answers, map[string]string{
			"kstatus": kstatus(&object), "flux": flux(evaluators[object.GroupVersionKind()], &object),
		})
	}
	fail(json.NewEncoder(os.Stdout).Encode(answers))
}

// read decodes one document into the type that it says it is.
func read(document []byte) error {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return err
	}
	var object any
	switch head.APIVersion + " " + head.Kind {
	case kustomizev1.GroupVersion.String() + " Kustomization":
		object = &kustomizev1.Kustomization{}
	case helmv2.GroupVersion.String() + " HelmRelease":
		object = &helmv2.HelmRelease{}
	case sourcev1.GroupVersion.String() + " GitRepository":
		object = &sourcev1.GitRepository{}
	default:
		return fmt.Errorf("%s %s is no kind that is expected here", head.APIVersion, head.Kind)
	}
	return yaml.UnmarshalStrict(document, object)
}

func check(paths []string) {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		fail(err)
		documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			fail(err)
			if err := read(document); err != nil {
				fail(fmt.Errorf("%s: %w", path, err))
			}
		}
	}
}

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("usage: flux health HEALTH_CHECKS | flux check FILE..."))
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
