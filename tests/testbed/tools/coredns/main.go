// Package main is CoreDNS with the plugins that the testbed's Corefile names. All plugins would bring the clients of three
// clouds with them, and minutes of compiling.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func main() { coremain.Run() }
