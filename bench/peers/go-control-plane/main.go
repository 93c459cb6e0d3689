// The peer of `npm run bench -- xds`: go-control-plane serving the same routes to the same subscribers, from its
// snapshot cache or its linear cache. POST /change changes one route.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	route "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
)

const routesPerConfiguration = 100

var (
	kind   = flag.String("cache", "linear", "linear or snapshot")
	routes = flag.Int("routes", 20000, "routes, 100 a route configuration")
	xds    = flag.String("xds", "127.0.0.1:0", "address of the xDS server")
	admin  = flag.String("admin", "127.0.0.1:0", "address that takes POST /change")
)

// One set of resources for every node.
type everybody struct{}

func (everybody) ID(*core.Node) string { return "all" }

func name(configuration int) string { return fmt.Sprintf("h%03d", configuration) }

// configuration has the routes that one virtual host has at ours. Only the last route's timeout ever changes.
func configuration(index, count int, lastTimeout time.Duration) *route.RouteConfiguration {
	list := make([]*route.Route, count)
	for i := range list {
		timeout := 15 * time.Second
		if i == count-1 {
			timeout = lastTimeout
		}
		id := fmt.Sprintf("r%05d", index*routesPerConfiguration+i)
		list[i] = &route.Route{
			Name: id,
			Match: &route.RouteMatch{
				PathSpecifier: &route.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: "/api/v1/" + id},
			},
			Action: &route.Route_Route{Route: &route.RouteAction{
				ClusterSpecifier: &route.RouteAction_Cluster{Cluster: "shop"},
				Timeout:          durationpb.New(timeout),
			}},
		}
	}
	host := name(index) + ".example.com"
	return &route.RouteConfiguration{
		Name:         name(index),
		VirtualHosts: []*route.VirtualHost{{Name: host, Domains: []string{host}, Routes: list}},
	}
}

func main() {
	flag.Parse()
	resources := map[string]types.Resource{}
	last, lastCount := 0, 0
	for from := 0; from < *routes; from += routesPerConfiguration {
		last, lastCount = from/routesPerConfiguration, min(routesPerConfiguration, *routes-from)
		resources[name(last)] = configuration(last, lastCount, 15*time.Second)
	}

	var serving cache.Cache
	var change func(version int) error
	next := func(version int) *route.RouteConfiguration {
		return configuration(last, lastCount, time.Duration(16+version%40)*time.Second)
	}
	switch *kind {
	case "linear":
		linear := cache.NewLinearCache(resource.RouteType, cache.WithInitialResources(resources))
		serving = &cache.MuxCache{
			Classify:      func(*cache.Request) string { return "routes" },
			ClassifyDelta: func(*cache.DeltaRequest) string { return "routes" },
			Caches:        map[string]cache.Cache{"routes": linear},
		}
		change = func(version int) error { return linear.UpdateResource(name(last), next(version)) }
	case "snapshot":
		snapshots := cache.NewSnapshotCache(true, everybody{}, nil)
		change = func(version int) error {
			if version > 0 {
				resources[name(last)] = next(version)
			}
			list := make([]types.Resource, 0, len(resources))
			for _, one := range resources {
				list = append(list, one)
			}
			snapshot, err := cache.NewSnapshot(fmt.Sprint(version), map[resource.Type][]types.Resource{resource.RouteType: list})
			if err != nil {
				return err
			}
			return snapshots.SetSnapshot(context.Background(), "all", snapshot)
		}
		if err := change(0); err != nil {
			log.Fatal(err)
		}
		serving = snapshots
	default:
		log.Fatalf("-cache is %q; write linear or snapshot", *kind)
	}

	listener, err := net.Listen("tcp", *xds)
	if err != nil {
		log.Fatal(err)
	}
	grpcServer := grpc.NewServer(grpc.MaxConcurrentStreams(1000))
	discovery.RegisterAggregatedDiscoveryServiceServer(grpcServer, server.NewServer(context.Background(), serving, nil))
	go func() { log.Fatal(grpcServer.Serve(listener)) }()

	version := 0
	http.HandleFunc("GET /ready", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("POST /change", func(writer http.ResponseWriter, _ *http.Request) {
		version++
		if err := change(version); err != nil {
			http.Error(writer, err.Error(), http.StatusInternalServerError)
		}
	})
	log.Fatal(http.ListenAndServe(*admin, nil))
}
