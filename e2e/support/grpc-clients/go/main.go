// grpc-go as client.ts is: client TARGET METHOD.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
)

const callTimeout = 5 * time.Second

// raw passes bytes through as they are.
type raw struct{}

func (raw) Name() string                  { return "raw" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func main() {
	target, method := os.Args[1], os.Args[2]
	connection, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lines := bufio.NewScanner(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		request, answer := append([]byte(nil), lines.Bytes()...), []byte(nil)
		if err := connection.Invoke(ctx, method, &request, &answer); err != nil {
			said := status.Convert(err)
			out.Encode(map[string]any{"code": said.Code(), "details": said.Message()})
		} else {
			out.Encode(map[string]any{"answer": string(answer)})
		}
		cancel()
	}
}
