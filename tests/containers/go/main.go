// Reads what a container engine and a cluster would read, with their own code, and prints it as JSON.
//
//	container-files compose FILE…   as `docker compose` loads them, with this process' environment
//	container-files dockerfile      a Dockerfile on stdin -> its stages, as BuildKit parses them
//	container-files kubernetes      manifests on stdin -> their kinds; an unknown field or a wrong type is an error
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"k8s.io/apimachinery/pkg/runtime"
	k8sjson "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

func compose(files []string) (any, error) {
	options, err := cli.NewProjectOptions(files, cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

type stage struct {
	Name, Base string
	Commands   []string
}

func dockerfile(text io.Reader) (any, error) {
	parsed, err := parser.Parse(text)
	if err != nil {
		return nil, err
	}
	if len(parsed.Warnings) > 0 {
		return nil, errors.New(parsed.Warnings[0].Short)
	}
	found, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return nil, err
	}
	var stages []stage
	for _, one := range found {
		made := stage{Name: one.Name, Base: one.BaseName}
		for _, command := range one.Commands {
			made.Commands = append(made.Commands, fmt.Sprint(command))
		}
		stages = append(stages, made)
	}
	return stages, nil
}

func kubernetes(text io.Reader) (any, error) {
	if err := monitoring.AddToScheme(scheme.Scheme); err != nil {
		return nil, err
	}
	strict := k8sjson.NewSerializerWithOptions(
		k8sjson.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, k8sjson.SerializerOptions{Yaml: true, Strict: true})
	whole, err := io.ReadAll(text)
	if err != nil {
		return nil, err
	}
	documents := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(whole)))
	defer documents.Close()
	kinds := []string{}
	for {
		buffer := make([]byte, len(whole)+1)
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return kinds, nil
		}
		if err != nil {
			return nil, err
		}
		if blank(buffer[:n]) {
			continue
		}
		object, kind, err := strict.Decode(buffer[:n], nil, nil)
		if err != nil {
			return nil, fmt.Errorf("%w in\n%s", err, buffer[:n])
		}
		if _, isUnknown := object.(*runtime.Unknown); isUnknown {
			return nil, fmt.Errorf("nobody knows %v", kind)
		}
		kinds = append(kinds, kind.Kind)
	}
}

// Whether a document holds nothing but comments.
func blank(document []byte) bool {
	for _, line := range bytes.Split(document, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}

func main() {
	var told any
	err := errors.New("compose FILE… | dockerfile | kubernetes")
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "compose":
			told, err = compose(os.Args[2:])
		case "dockerfile":
			told, err = dockerfile(os.Stdin)
		case "kubernetes":
			told, err = kubernetes(os.Stdin)
		}
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(told)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
